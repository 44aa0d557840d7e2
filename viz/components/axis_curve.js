// Curves over a whole number that grows to the right, with their least and greatest value and zero at the left.
window.tokenscope.axisCurve = (() => {
  const { tokenscope } = window;
  const BOX = { height: 220, left: 52, right: 10, top: 10, bottom: 34, least: 280, usual: 600 };

  const signed = (value) => `${value < 0 ? '−' : ''}${Math.abs(value).toFixed(2)}`;

  /** What the last line shows, for those who cannot see it. */
  function tell(host, values, marked, across, up) {
    const at = marked ?? values.length - 1;
    const axes = tokenscope.say('{up} against {across}', { up, across });
    const told = tokenscope.say('from {low} to {high}; {value} at {at}', {
      at, low: signed(Math.min(...values)), high: signed(Math.max(...values)), value: signed(values[at]),
    });
    host.setAttribute('aria-label', `${axes}: ${told}`);
  }

  // lines: [{ values, className, colour }], the last one on top; marked: an index of it, or null.
  return function axisCurve(host, lines, marked, xName, yName) {
    const { height, left, right, top, bottom } = BOX;
    const width = Math.max(BOX.least, host.clientWidth || BOX.usual);
    const all = lines.flatMap(({ values }) => Array.from(values));
    const [low, high] = [Math.min(0, ...all), Math.max(0, ...all)];
    const room = (high - low || 1) * 0.06;
    const count = lines[0].values.length;
    const x = (index) => left + ((width - left - right) * index) / Math.max(1, count - 1);
    const y = (value) => top + ((height - bottom - top) * (high + room - value)) / (high - low + 2 * room);
    host.replaceChildren();
    tell(host, lines.at(-1).values, marked, xName, yName);
    const svg = tokenscope.svg('svg', { width, height }, host);
    for (const value of [...new Set([low, 0, high])]) {
      tokenscope.svg('line', { x1: left, x2: width - right, y1: y(value), y2: y(value), class: value ? 'ts-tick' : 'ts-zero' }, svg);
      tokenscope.svg('text', { x: left - 6, y: y(value) + 4, class: 'ts-y-name' }, svg, signed(value));
    }
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      const index = Math.round(share * (count - 1));
      tokenscope.svg('text', { x: x(index), y: height - bottom + 16, class: share === 1 ? 'ts-axis-end' : 'ts-x-name' }, svg, index);
    }
    tokenscope.svg('text', { x: width - right, y: height - 4, class: 'ts-axis-end' }, svg, xName);
    tokenscope.svg('text', { x: left, y: height - 4, class: 'ts-axis-start' }, svg, yName);
    for (const { values, className, colour } of lines) {
      const points = Array.from(values, (value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
      const line = tokenscope.svg('polyline', { points, class: className }, svg);
      if (colour) line.style.stroke = colour;
    }
    if (marked !== null) tokenscope.svg('circle', { cx: x(marked), cy: y(lines.at(-1).values[marked]), r: 5, class: 'ts-marked' }, svg);
  };
})();
