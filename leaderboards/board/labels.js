// Places for the names of points, so that none covers another name or a point.
const FONT_PX = 12, RINGS = [1, 1.6, 2.4, 3.8, 5.4, 7];

const apart = (a, b) => a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
const inside = (a, b) => a[0] >= b[0] && a[1] >= b[1] && a[2] <= b[2] && a[3] <= b[3];

// Boxes around a point, each with what it costs to read it as that point's name.
function* candidates({ x, y, width, radius }, ring) {
  const [gap, height] = [(radius + 1) * ring + 2, FONT_PX * 1.3];
  const [half, near] = [height / 2, gap * 0.7];
  yield [0, x + gap, y - half];
  yield [0.3, x - gap - width, y - half];
  yield [0.4, x - width / 2, y - gap - height];
  yield [0.4, x - width / 2, y + gap];
  yield [0.5, x + near, y - near - height];
  yield [0.5, x + near, y + near];
  yield [0.6, x - near - width, y - near - height];
  yield [0.6, x - near - width, y + near];
}

// `spots`: {x, y, radius, width}; `all`: every point; `soft`: boxes to avoid where that is possible.
function placeLabels(spots, all, area, soft) {
  const taken = all.map(({ x, y, radius }) => [x - radius - 1, y - radius - 1, x + radius + 1, y + radius + 1]);
  return spots.map((spot) => {
    let best = null;
    for (const ring of RINGS) {
      for (const [cost, left, top] of candidates(spot, ring)) {
        const box = [left, top, left + spot.width, top + FONT_PX * 1.3];
        if (!inside(box, area) || taken.some((other) => !apart(box, other))) continue;
        const total = cost + ring + 2 * soft.filter((other) => !apart(box, other)).length;
        if (best === null || total < best.total) best = { total, box, distant: ring > 2 };
      }
    }
    if (best) taken.push(best.box);
    return best;
  });
}
