// Numbers on an axis, with ticks that a person can read.
const STEPS = [1, 2, 2.5, 5, 10], SIZES = [2 ** 40, 2 ** 30, 2 ** 20, 2 ** 10, 1];

const mayBeLog = (column, rows) =>
  rows.every((row) => column.value[row] > 0 && (lowOf(column, row) > 0 || column.value[row] > 0));

// Where a range is wider than tenfold a resource is shown on a logarithmic axis, unless asked.
function wantsLog(column, rows, asked) {
  if (!rows.length || !mayBeLog(column, rows)) return false;
  if (asked !== null) return asked;
  const [low, high] = spanOf(rows.map((row) => column.value[row]));
  return column.role === "resource" && high / low > 10;
}

function scaleOf(column, rows, [start, end], count, isLog) {
  const ends = rows.flatMap((row) => [column.value[row], lowOf(column, row), highOf(column, row)]);
  let [low, high] = spanOf(isLog ? ends.filter((value) => value > 0) : ends);
  if (isLog) {
    const spread = Math.max(high / low, 1.5) ** 0.07;
    [low, high] = [low / spread, high * spread];
  } else {
    const pad = (high - low) * 0.07 || Math.abs(high) * 0.1 || 1;
    // Padding must not suggest that a size or a share below zero exists.
    [low, high] = [low >= 0 ? Math.max(0, low - pad) : low - pad, high + pad];
  }
  const place = (value) => {
    const inside = Math.min(Math.max(value, low), high);
    const share = isLog ? Math.log(inside / low) / Math.log(high / low) : (inside - low) / (high - low);
    return start + share * (end - start);
  };
  const ticks = isLog ? logTicks(low, high, column.unit, count) : linearTicks(low, high, column.unit, count);
  return { place, ticks, isLog };
}

function linearTicks(low, high, unit, count) {
  const size = unit === "bytes" ? SIZES.find((each) => each <= high) ?? 1 : 1;
  const rough = (high - low) / size / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const upward = STEPS.map((nice) => nice * power * size);
  const firstWide = upward.findIndex((step) => step >= rough * size);
  // A narrow picture may fit few ticks, but one or two tell no scale: then the next finer step.
  for (let at = firstWide; ; at -= 1) {
    const step = at >= 0 ? upward[at] : upward[0] / 2;
    const ticks = [];
    for (let each = Math.ceil(low / step); each <= Math.floor(high / step); each += 1) ticks.push(each * step);
    if (ticks.length >= 3 || at < 0) return ticks;
  }
}

function logTicks(low, high, unit, count) {
  if (unit === "bytes") {
    const [first, last] = [Math.ceil(Math.log2(low)), Math.floor(Math.log2(high))];
    const stride = Math.max(1, Math.ceil((last - first + 1) / count));
    return Array.from({ length: Math.max(0, Math.ceil((last - first + 1) / stride)) }, (_, at) => 2 ** (first + at * stride));
  }
  const decades = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) decades.push(power);
  let ticks = [];
  for (const factors of [[1, 2, 5], [1, 3], [1]]) {
    ticks = decades.flatMap((power) => factors.map((factor) => factor * 10 ** power))
      .filter((tick) => low <= tick && tick <= high);
    if (ticks.length <= count) return ticks;
  }
  const stride = Math.ceil(ticks.length / count);
  return ticks.filter((_, at) => at % stride === 0);
}
