"""One measurement by optimum-benchmark; run by the Python that has it, see `latency_peers`.

Prints [median seconds to the first token, median seconds for each further one] as its last line.
"""

# The other environment has none of our modules.
import argparse
import json
import logging
import statistics

from optimum_benchmark import (  # type: ignore[import-not-found,unused-ignore]
    Benchmark,
    BenchmarkConfig,
    InferenceConfig,
    InlineConfig,
    PyTorchConfig,
)


def main() -> None:
    """Measure as its own documentation does, with the sizes that are asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("--prompt", type=int, required=True)
    parser.add_argument("--output", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    backend = PyTorchConfig(
        model=options.checkpoint,
        processor=options.checkpoint,
        task="text-generation",
        library="transformers",
        device="cpu",
        torch_dtype="float32",
        # Both alike: 0.6.0 hands each of the two to torch's setting of the other.
        inter_op_num_threads=options.threads,
        intra_op_num_threads=options.threads,
    )
    scenario = InferenceConfig(
        input_shapes={"batch_size": 1, "sequence_length": options.prompt},
        generate_kwargs={"max_new_tokens": options.output, "min_new_tokens": options.output},
        iterations=10,
        duration=0,
        warmup_runs=2,
    )
    config = BenchmarkConfig(
        name="peer", launcher=InlineConfig(), scenario=scenario, backend=backend
    )
    report = Benchmark.launch(config)
    first = statistics.median(report.prefill.latency.values)
    further = statistics.median(report.decode.latency.values) / (options.output - 1)
    print(json.dumps([first, further]))


if __name__ == "__main__":
    main()
