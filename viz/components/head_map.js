// The map of all heads: a mark each, coloured by layer or shaped and coloured by label; a mark is a button.
window.tokenscope.headMap = (svg, key) => {
  const { tokenscope } = window;
  const { say } = tokenscope;
  const BOX = { width: 640, height: 380, edge: 18 };
  const SIZE = 6.5;
  // One outline a label, so that colour is never all that tells them apart.
  const SHAPES = [
    'M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0Z', 'M-.9-.9h1.8v1.8h-1.8Z', 'M0-1.15L1.1 .85H-1.1Z', 'M0-1.25L1.05 0 0 1.25-1.05 0Z',
    'M-.4-1.1h.8v.7h.7v.8h-.7v.7h-.8v-.7h-.7v-.8h.7Z', 'M0 1.15L1.1-.85H-1.1Z', 'M-1.2-.45h2.4v.9h-2.4Z', 'M-.45-1.2h.9v2.4h-.9Z',
    'M-.65 0a.65 .65 0 1 0 1.3 0a.65 .65 0 1 0-1.3 0Z',
  ];
  let shown = null;

  function styleOf(index, by) {
    const { colours, theme, mix } = tokenscope;
    if (by === 'label') {
      const label = shown.label[index];
      const names = colours.categories[theme()];
      return { fill: names[Math.max(0, label) % names.length], shape: SHAPES[Math.max(0, label) % SHAPES.length] };
    }
    const share = shown.layers > 1 ? shown.heads[2 * index] / (shown.layers - 1) : 0;
    return { fill: mix(colours.sequential[theme()], 0.2 + 0.8 * share), shape: SHAPES[0] };
  }

  // One scale for both axes: distances on the page are to be compared in every direction.
  function placer(coordinates) {
    const side = (axis) => Array.from({ length: coordinates.length / 2 }, (_, index) => coordinates[2 * index + axis]);
    const [xs, ys] = [side(0), side(1)];
    const span = (values) => Math.max(1e-6, Math.max(...values) - Math.min(...values));
    const unit = Math.min((BOX.width - 2 * BOX.edge) / span(xs), (BOX.height - 2 * BOX.edge) / span(ys));
    const middle = (values) => (Math.max(...values) + Math.min(...values)) / 2;
    const [centreX, centreY] = [middle(xs), middle(ys)];
    return (index) => [
      BOX.width / 2 + (xs[index] - centreX) * unit,
      BOX.height / 2 - (ys[index] - centreY) * unit,
    ];
  }

  function describe(index) {
    const [layer, head] = [shown.heads[2 * index], shown.heads[2 * index + 1]];
    return [`L${layer} H${head}`, say('kv {group}', { group: shown.groups[index] }), shown.names[shown.label[index]] ?? ''].filter(Boolean);
  }

  function drawMark(index, place, by, selected, pinned) {
    const [layer, head] = [shown.heads[2 * index], shown.heads[2 * index + 1]];
    const [x, y] = place(index);
    const { fill, shape } = styleOf(index, by);
    const chosen = layer === selected[0] && head === selected[1];
    const mark = tokenscope.svg('path', {
      d: shape, fill, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${chosen ? 1.4 * SIZE : SIZE})`, role: 'button',
      'data-layer': layer, 'data-head': head, 'data-index': index, tabindex: chosen ? 0 : -1, 'aria-label': describe(index).join(', '),
    });
    mark.classList.toggle('ts-here', chosen);
    mark.classList.toggle('ts-pinned', pinned.some(([a, b]) => a === layer && b === head));
    return mark;
  }

  function drawKey(by) {
    const entry = (swatch, text) => {
      const item = document.createElement('span');
      item.append(swatch, text);
      return item;
    };
    if (by === 'layer') {
      const ramp = document.createElement('span');
      ramp.className = 'ts-ramp';
      ramp.style.backgroundImage = tokenscope.gradient('sequential');
      key.replaceChildren(entry(say('layer {layer}', { layer: 0 }), ''), ramp, entry(String(shown.layers - 1), ''));
      return;
    }
    const counts = new Map();
    for (const label of shown.label) counts.set(label, (counts.get(label) || 0) + 1);
    key.replaceChildren(...[...counts.keys()].filter((label) => label >= 0).sort((a, b) => a - b).map((label) => {
      const swatch = tokenscope.svg('svg', { viewBox: '-1.4 -1.4 2.8 2.8', width: 13, height: 13, 'aria-hidden': true });
      const { fill, shape } = styleOf(shown.label.indexOf(label), 'label');
      swatch.append(tokenscope.svg('path', { d: shape, fill }));
      return entry(swatch, `${shown.names[label]} (${counts.get(label)})`);
    }));
  }

  function draw(alike, by, selected, pinned) {
    const { decode } = tokenscope;
    const heads = decode(alike.heads);
    shown = {
      heads, label: decode(alike.label), groups: decode(alike.key_value), names: alike.label_names,
      layers: 1 + Math.max(...heads.filter((_, i) => i % 2 === 0)),
    };
    const focused = svg.contains(document.activeElement);
    const place = placer(decode(alike.coordinates));
    const order = [...Array(heads.length / 2).keys()];
    const marks = order.map((index) => drawMark(index, place, by, selected, pinned));
    // What is selected or pinned lies on top.
    marks.sort((a, b) => Number(a.classList.contains('ts-here')) - Number(b.classList.contains('ts-here')));
    svg.replaceChildren(...marks);
    const title = [say('map of {heads} heads', { heads: order.length }), say('near means alike')].join(': ');
    svg.setAttribute('aria-label', [title, say('up and down walk from head to head')].join('; '));
    drawKey(by);
    if (focused) svg.querySelector('.ts-here')?.focus({ preventScroll: true });
  }

  function open(target) {
    const mark = target.closest?.('path');
    if (mark) tokenscope.act('head', { layer: Number(mark.dataset.layer), head: Number(mark.dataset.head) });
  }

  // Up and Down walk from head to head by layer, since Left and Right step everywhere on the page.
  svg.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      open(event.target);
    }
    if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return;
    event.preventDefault();
    const rank = (mark) => Number(mark.dataset.layer) * 1e4 + Number(mark.dataset.head);
    const marks = [...svg.children].sort((a, b) => rank(a) - rank(b));
    const next = marks[marks.indexOf(event.target) + (event.key === 'ArrowDown' ? 1 : -1)];
    next?.focus();
  });
  svg.addEventListener('click', (event) => open(event.target));
  svg.addEventListener('mousemove', (event) => {
    const mark = event.target.closest('path');
    if (!mark) tokenscope.hideTip();
    else tokenscope.showTip(event.clientX, event.clientY, describe(Number(mark.dataset.index)));
  });
  svg.addEventListener('mouseleave', tokenscope.hideTip);
  return { draw };
};
