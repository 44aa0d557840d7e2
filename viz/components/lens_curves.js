// Tokens followed through the rows of the lens: two charts of lines, their probability and their rank.
window.tokenscope.lensCurves = (() => {
  const { tokenscope } = window;
  const { say, later } = tokenscope;
  const BOX = { height: 168, left: 46, right: 12, top: 10, bottom: 24 };
  // A line has a colour, a dash and a mark of its own: none of them has to be told apart by colour alone.
  const DASHES = ['', '7 3', '2 3', '9 3 2 3', '4 4', '1 2', '12 4'];
  const MARKS = [
    'M-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0z', 'M-3 -3h6v6h-6z', 'M0 -4l4 7h-8z', 'M0 -4.4l4.4 4.4l-4.4 4.4l-4.4 -4.4z',
    'M0 4l4 -7h-8z', 'M-4 -1.3h2.7v-2.7h2.6v2.7h2.7v2.6h-2.7v2.7h-2.6v-2.7h-2.7z', 'M-3.8 -3.8l3.8 2l3.8 -2l-2 3.8l2 3.8l-3.8 -2l-3.8 2l2 -3.8z',
  ];
  const colourOf = (index) => tokenscope.colours.categories[tokenscope.theme()][index];

  /** A sample of a curve's line, for the name beside it. */
  function sample(index) {
    const svg = tokenscope.svg('svg', { width: 30, height: 12, 'aria-hidden': 'true', class: 'ts-line-sample' });
    tokenscope.svg('path', { d: 'M1 6H29', stroke: colourOf(index), 'stroke-width': 2, 'stroke-dasharray': DASHES[index] }, svg);
    tokenscope.svg('path', { d: MARKS[index], fill: colourOf(index), transform: 'translate(15 6)' }, svg);
    return svg;
  }

  const AXES = {
    probability: {
      about: later('probability from the embedding to the output'),
      place: (value) => value,
      ticks: () => [[0, '0'], [0.5, '0.5'], [1, '1']],
      tell: tokenscope.percent,
    },
    rank: {
      about: later('rank from the embedding to the output'),
      place: (rank, most) => 1 - Math.log(rank + 1) / Math.log(most),
      ticks(most) {
        const powers = Array.from({ length: Math.ceil(Math.log10(most)) }, (_, power) => 10 ** power);
        return powers.map((rank) => [rank - 1, tokenscope.whole(rank)]);
      },
      tell: (rank) => say('rank {rank}', { rank: tokenscope.whole(rank + 1) }),
    },
  };

  // name: "probability" or "rank"; onPick(reading) answers a click on a row.
  return function lensCurves(host, { name, onPick }) {
    const axis = AXES[name];
    let shown = null; // { readings, rows, labels, lines, selected, vocabulary }
    let scheduled = false;
    let width = 0;

    const x = (index) => BOX.left + ((width - BOX.left - BOX.right) * shown.readings[index]) / shown.readings.at(-1);
    const y = (value) => BOX.top + (BOX.height - BOX.top - BOX.bottom) * (1 - axis.place(value, shown.vocabulary));

    function drawAxes(svg, names) {
      const text = { fill: names.quiet, 'font-size': 11, class: 'ts-curve-text' };
      for (const [value, label] of axis.ticks(shown.vocabulary)) {
        tokenscope.svg('path', { d: `M${BOX.left} ${y(value)}H${width - BOX.right}`, stroke: names.line }, svg);
        tokenscope.svg('text', { ...text, x: BOX.left - 6, y: y(value) + 4, 'text-anchor': 'end' }, svg).textContent = label;
      }
      const streams = shown.readings.at(-1) / 2;
      const every = Math.ceil((streams * 26) / (width - BOX.left - BOX.right));
      shown.readings.forEach((reading, index) => {
        if (reading % 2 || (reading / 2) % every) return;
        tokenscope.svg('text', { ...text, x: x(index), y: BOX.height - 8, 'text-anchor': 'middle' }, svg).textContent = reading / 2;
      });
      const chosen = shown.readings.indexOf(shown.selected);
      if (chosen < 0) return;
      const line = { stroke: names.accent, 'stroke-width': 1.5, class: 'ts-curve-here' };
      tokenscope.svg('path', { ...line, d: `M${x(chosen)} ${BOX.top - 4}V${BOX.height - BOX.bottom + 4}` }, svg);
    }

    function drawLine(svg, values, curve) {
      const points = shown.readings.map((_, index) => `${x(index).toFixed(1)} ${y(values[index]).toFixed(1)}`);
      const line = { fill: 'none', stroke: colourOf(curve), 'stroke-width': 2, 'stroke-dasharray': DASHES[curve] };
      tokenscope.svg('path', { ...line, d: `M${points.join('L')}`, class: 'ts-curve' }, svg);
      points.forEach((point, index) => {
        const size = shown.readings[index] % 2 ? 0.6 : 1; // the midpoints' marks are smaller
        tokenscope.svg('path', { d: MARKS[curve], fill: colourOf(curve), transform: `translate(${point}) scale(${size})` }, svg);
      });
    }

    function paint() {
      scheduled = false;
      if (!shown || !host.offsetParent) return; // hidden: the observer draws when it appears
      width = host.clientWidth;
      const names = tokenscope.colours.variables[tokenscope.theme()];
      const svg = tokenscope.svg('svg', { width, height: BOX.height, 'aria-hidden': 'true' });
      drawAxes(svg, names);
      for (let curve = shown.lines.length - 1; curve >= 0; curve -= 1) drawLine(svg, shown.lines[curve], curve);
      host.replaceChildren(svg);
      host.dataset.drawn = String(Number(host.dataset.drawn || 0) + 1);
    }

    function schedule() {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(paint);
    }

    function rowAt(event) {
      if (!shown) return null;
      const place = event.clientX - host.getBoundingClientRect().left;
      const away = (index) => Math.abs(x(index) - place);
      return shown.readings.reduce((best, _, index) => (away(index) < away(best) ? index : best), 0);
    }

    host.addEventListener('mousemove', (event) => {
      const row = rowAt(event);
      if (row === null) return;
      const lines = shown.labels.map((label, curve) => `${label}  ${axis.tell(shown.lines[curve][row])}`);
      tokenscope.showTip(event.clientX, event.clientY, [shown.rows[row], ...lines]);
    });
    host.addEventListener('mouseleave', tokenscope.hideTip);
    host.addEventListener('click', (event) => {
      const row = rowAt(event);
      if (row !== null) onPick(shown.readings[row]);
    });
    new ResizeObserver(schedule).observe(host);
    tokenscope.onTheme(schedule);
    return {
      // readings: half steps; rows: their names; labels: of the curves; lines: the values of each; selected: a half step;
      // vocabulary: the last rank.
      draw(curves) {
        shown = curves;
        const told = curves.labels.map((label, curve) => `${label}: ${Array.from(curves.lines[curve], axis.tell).join(', ')}`);
        host.setAttribute('aria-label', `${say(axis.about)}: ${told.join('; ')}`);
        schedule();
      },
      sample,
    };
  };
})();
