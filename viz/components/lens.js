// The logit lens: cells of a fixed width that scroll sideways under row names that stay.
const { tokenscope } = window;
const host = element.querySelector('.ts-figure');
const scroll = element.querySelector('.ts-scroll');
const rows = element.querySelector('.ts-rows');
const CELL = { width: 68, height: 34, foot: 30 };
let payload = null;
let arrays = null;

function sizeOf() {
  return {
    width: Math.max(payload.labels.length * CELL.width, 68),
    height: payload.rows.length * CELL.height + CELL.foot,
    margin: { l: 0, r: 0, t: 0, b: CELL.foot },
  };
}

function hover(point, event) {
  const cell = point.y * payload.labels.length + point.x;
  const word = (id) => `“${payload.vocabulary[id]}”`;
  const target = arrays.target_ids[point.x];
  tokenscope.showTip(event.clientX, event.clientY, [
    `${payload.rows[point.y]}, at “${payload.labels[point.x]}” (${payload.start + point.x})`,
    `predicts ${word(arrays.ids[cell])} with ${tokenscope.percent(arrays.probability[cell])}`,
    `final choice ${word(target)}: rank ${arrays.target_rank[cell] + 1}, ` +
      `${tokenscope.percent(arrays.target_probability[cell])}`,
  ]);
}

const figure = tokenscope.figure(host, {
  sizeOf,
  onPick: (point) => tokenscope.act('cursor', { position: payload.start + point.x }),
  onHover: hover,
});

function drawRows() {
  rows.style.paddingBottom = `${CELL.foot}px`;
  rows.replaceChildren(...[...payload.rows].reverse().map((name) => {
    const row = document.createElement('div');
    row.style.height = `${CELL.height}px`;
    row.textContent = name;
    return row;
  }));
}

function keepInSight() {
  const left = (payload.cursor - payload.start) * CELL.width;
  if (left < scroll.scrollLeft || left + CELL.width > scroll.scrollLeft + scroll.clientWidth) {
    scroll.scrollLeft = left + 2 * CELL.width - scroll.clientWidth;
  }
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  const missing = element.querySelector('.ts-unavailable');
  missing.hidden = !payload.unavailable;
  missing.textContent = payload.unavailable || '';
  element.querySelector('.ts-lens-body').hidden = Boolean(payload.unavailable);
  if (payload.unavailable) return;
  arrays = Object.fromEntries(['ids', 'probability', 'target_ids', 'target_rank', 'target_probability']
    .map((name) => [name, tokenscope.decode(payload[name])]));
  element.querySelector('.ts-shown').textContent = payload.shown;
  const { width, height } = sizeOf();
  host.style.width = `${width}px`; // room for the picture before it is drawn, so that the scroll position holds
  host.style.height = `${height}px`;
  drawRows();
  keepInSight();
  figure.draw(payload.figure);
}

function drawScale() {
  element.querySelector('.ts-ramp').style.backgroundImage = tokenscope.gradient('sequential');
}
tokenscope.onTheme(drawScale);
drawScale();
watch('value', draw);
draw();
