// The mosaic: every head's weights, pooled by the server and once more here into the pixels of its tile.
const { tokenscope } = window;
const { say } = tokenscope;
const host = element.querySelector('.ts-head-canvas');
let payload = null;
let arrays = null;
let table = tokenscope.colourTable('sequential');
let masked = tokenscope.maskedColour();

// Which cells each pixel of a tile covers: the first, and one past the last.
function spans(size, side) {
  return Array.from({ length: size }, (_, pixel) => {
    const first = Math.min(side - 1, Math.floor((pixel * side) / size));
    return [first, Math.max(first + 1, Math.min(side, Math.ceil(((pixel + 1) * side) / size)))];
  });
}

function largest(from, [top, bottom], [left, right]) {
  let most = 0;
  for (let row = top; row < bottom; row += 1) {
    for (let column = left; column < right; column += 1) most = Math.max(most, arrays.cells[from + row * payload.side + column]);
  }
  return most;
}

function paint(context, layer, head, x, y, size) {
  const { side, heads } = payload;
  const image = context.createImageData(size, size);
  const covered = spans(size, side);
  const from = (layer * heads + head) * side * side;
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      const at = 4 * (row * size + column);
      const ahead = covered[column][0] >= covered[row][1];
      const colour = ahead ? masked : table;
      const place = ahead ? 0 : 3 * largest(from, covered[row], covered[column]);
      for (let part = 0; part < 3; part += 1) image.data[at + part] = colour[place + part];
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, x, y);
}

function describe(layer, head) {
  const at = layer * payload.heads + head;
  const label = payload.labels?.[layer]?.[head];
  const lines = label ? [label] : [];
  if (arrays.hidden) lines.push(say('{share} hidden on average', { share: tokenscope.percent(arrays.hidden[at]) }));
  return lines;
}

const grid = tokenscope.headGrid(host, { paint, describe, limits: { largest: 48, smallest: 9, height: 480 } });

function draw() {
  if (!props.value) return;
  payload = props.value;
  const missing = element.querySelector('.ts-unavailable');
  missing.hidden = !payload.unavailable;
  missing.textContent = payload.unavailable || '';
  host.hidden = Boolean(payload.unavailable);
  if (payload.unavailable) return;
  arrays = { cells: tokenscope.decode(payload.cells), hidden: payload.hidden && tokenscope.decode(payload.hidden) };
  element.querySelector('.ts-mosaic').classList.toggle('ts-many', payload.heads > 16 || payload.layers > 16);
  element.querySelector('.ts-pooled').textContent = payload.pooled;
  const note = element.querySelector('.ts-hidden-note');
  note.hidden = payload.mean_hidden === null;
  if (payload.mean_hidden !== null) {
    note.textContent = say('Hidden: {share} of all weight. The rest is scaled up to 1.', { share: tokenscope.percent(payload.mean_hidden) });
  }
  grid.draw(payload);
}

tokenscope.onTheme(() => {
  table = tokenscope.colourTable('sequential');
  masked = tokenscope.maskedColour();
});
watch('value', draw);
draw();
