// A block as a drawing: boxes in rows, the stream down the middle, residual connections as arcs at its left.
window.tokenscope.blockDrawing = (() => {
  const { tokenscope } = window;
  const BOX = { wide: 216, lane: 176, gap: 24, arc: 20, title: 24, line: 15, foot: 7, between: 30, circle: 11, end: 34 };

  // Where each box stands: { x, top, bottom, wide }, and how large the whole is.
  function layout(nodes, room) {
    const lanes = nodes.some((node) => node.lane !== 0);
    const left = BOX.arc + 6;
    const wide = lanes ? Math.min(BOX.lane, (room - left - BOX.gap - 2) / 2) : Math.min(BOX.wide, room - left - 2);
    const inner = lanes ? 2 * wide + BOX.gap : wide;
    const middle = left + inner / 2;
    const heightOf = (node) => (node.kind === 'addition' ? 2 * BOX.circle : BOX.title + BOX.line * node.lines.length + BOX.foot);
    const rows = Math.max(0, ...nodes.map((node) => node.row));
    const places = new Map();
    let top = BOX.end + BOX.between - 8;
    for (let row = 1; row <= rows; row += 1) {
      const inRow = nodes.filter((node) => node.row === row);
      const height = Math.max(...inRow.map(heightOf));
      for (const node of inRow) {
        const x = middle + (node.lane * (wide + BOX.gap)) / 2;
        const own = heightOf(node);
        places.set(nodes.indexOf(node), { x, top: top + (height - own) / 2, bottom: top + (height + own) / 2, wide });
      }
      top += height + BOX.between;
    }
    const ends = { top: { x: middle, top: BOX.end - 12, bottom: BOX.end - 8, wide: 0 }, bottom: top };
    return { places, ends, lanes, middle, width: left + inner + 2, height: top + BOX.end - 10, arc: 8 };
  }

  function drawEdge(svg, { from, to, residual }, nodes, { places, ends, lanes, middle, arc }) {
    const [start, end] = [from < 0 ? ends.top : places.get(from), places.get(to)];
    const adds = nodes[to].kind === 'addition';
    const apart = from < 0 ? nodes[to].row > 1 : nodes[to].row - nodes[from].row > 1;
    // Between two lanes the stream goes straight down, unless a box stands there.
    const above = from < 0 ? 0 : nodes[from].row;
    const free = lanes && !nodes.some((node) => node.lane === 0 && node.row > above && node.row < nodes[to].row);
    const shift = lanes && !free ? 5 : 0; // what else comes in from the side keeps apart
    let path = `M${start.x} ${start.bottom}`;
    if (residual && apart && !(free && start.x === middle)) {
      // Leaves the line below its source, goes past the parts, and comes in from the side.
      const [low, high] = [start.bottom + 9, (end.top + end.bottom) / 2 + shift];
      path += ` V${low} H${arc + 8} Q${arc} ${low} ${arc} ${low + 8} V${high - 8} Q${arc} ${high} ${arc + 8} ${high} H${end.x - BOX.circle - 5}`;
    } else if (start.x === end.x) path += ` V${end.top - 5}`;
    else if (adds) path += ` V${(end.top + end.bottom) / 2 - shift} H${end.x + Math.sign(start.x - end.x) * (BOX.circle + 5)}`;
    else path += ` V${start.bottom + 9} H${end.x} V${end.top - 5}`;
    tokenscope.svg('path', { d: path, class: residual ? 'ts-residual-line' : 'ts-flow-line', 'marker-end': `url(#${svg.dataset.arrow})` }, svg);
  }

  function drawNode(svg, node, { x, top, bottom, wide }) {
    const group = tokenscope.svg('g', { class: `ts-node ts-node-${node.kind}${node.opens ? ' ts-node-opens' : ''}` }, svg);
    if (node.opens) group.dataset.tab = node.opens;
    if (node.kind === 'addition') {
      const y = (top + bottom) / 2;
      tokenscope.svg('circle', { cx: x, cy: y, r: BOX.circle }, group);
      tokenscope.svg('path', { d: `M${x - 5} ${y} H${x + 5} M${x} ${y - 5} V${y + 5}`, class: 'ts-plus-sign' }, group);
      return;
    }
    tokenscope.svg('rect', { x: x - wide / 2, y: top, width: wide, height: bottom - top, rx: 6 }, group);
    [[node.title, node.differs], ...node.lines].forEach(([line, differs], index) => {
      const name = `${index ? 'ts-node-line' : 'ts-node-title'}${differs ? ' ts-differs' : ''}`;
      const text = tokenscope.svg('text', { x, y: top + 18 + BOX.line * index, class: name }, group);
      if (differs) tokenscope.svg('tspan', { class: 'ts-unequal-mark' }, text, '≠ ');
      tokenscope.svg('tspan', {}, text, line);
    });
  }

  // host gets one <svg>. draw({ nodes, edges, result, told, width }, about): what `viz.block` makes.
  return function blockDrawing(host, arrow) {
    const svg = tokenscope.svg('svg', { role: 'img' }, host);
    svg.dataset.arrow = arrow;
    let shown = null;

    function paint() {
      if (!shown || !host.offsetParent) return;
      const places = layout(shown.nodes, Math.max(240, host.clientWidth));
      svg.setAttribute('width', places.width);
      svg.setAttribute('height', places.height);
      svg.replaceChildren();
      const marker = tokenscope.svg('marker', { id: arrow, viewBox: '0 0 8 8', refX: 5, refY: 4, markerWidth: 7, markerHeight: 7, markerUnits: 'userSpaceOnUse', orient: 'auto' }, tokenscope.svg('defs', {}, svg));
      tokenscope.svg('path', { d: 'M0 0 L8 4 L0 8 Z', class: 'ts-arrow-head' }, marker);
      const { x } = places.ends.top;
      const enters = tokenscope.sayMany('the stream enters, {count} number a token', 'the stream enters, {count} numbers a token', shown.width);
      tokenscope.svg('text', { x, y: 12, class: 'ts-node-end' }, svg, enters);
      for (const edge of shown.edges) drawEdge(svg, edge, shown.nodes, places);
      if (shown.result !== null && shown.result >= 0) {
        const last = places.places.get(shown.result);
        tokenscope.svg('path', { d: `M${last.x} ${last.bottom} V${places.ends.bottom - 5}`, class: 'ts-flow-line', 'marker-end': `url(#${arrow})` }, svg);
      }
      shown.nodes.forEach((node, index) => drawNode(svg, node, places.places.get(index)));
      tokenscope.svg('text', { x, y: places.ends.bottom + 13, class: 'ts-node-end' }, svg, tokenscope.say('the stream leaves'));
      host.dataset.drawn = String(Number(host.dataset.drawn || 0) + 1);
    }

    new ResizeObserver(paint).observe(host);
    return {
      draw(drawing, about) {
        shown = drawing;
        svg.setAttribute('aria-label', about);
        paint();
      },
    };
  };
})();
