"""An lm-eval model over the Backend port: every backend runs every lm-eval task.

With the model cards' script the only importer of lm-eval. It follows lm-eval's own ``hf`` model in
what is asked (tokens, BOS, truncation, stop texts), so that the numbers are the same.
"""

from slmbench.suites.lm_eval_bridge.items import TaskInParts
from slmbench.suites.lm_eval_bridge.model import BridgeLM
from slmbench.suites.lm_eval_bridge.tasks import evaluate

__all__ = ["BridgeLM", "TaskInParts", "evaluate"]
