// Inside one head, for the cursor's query: score by score, then value by value, every row adding up.
const { tokenscope } = window;
const { make, say, sayMany } = tokenscope;
const { number, ...words } = tokenscope.insideWords;
const scores = element.querySelector('.ts-scores');
const values = element.querySelector('.ts-values');
const ARRAYS = ['query', 'keys', 'products', 'raw', 'scaled', 'score', 'visible', 'weights', 'values', 'weighted', 'output'];
const strips = new Map(); // canvas -> its heatmap
let payload = null;
let arrays = null;

const named = (index) => `“${payload.labels[index]}” (${payload.start + index})`;
const largest = (list) => list.reduce((top, value) => Math.max(top, Math.abs(value)), 1e-6);
const total = (list) => list.reduce((sum, value) => sum + value, 0);

function strip(canvas, about, list, top, describe) {
  if (!strips.has(canvas)) {
    const kept = { describe };
    kept.cells = tokenscope.cells(canvas, { describe: ({ column, value }) => kept.describe(column, value) });
    strips.set(canvas, kept);
  }
  const kept = strips.get(canvas);
  kept.describe = describe;
  kept.cells.draw({ values: list, rows: 1, columns: list.length, low: -top, high: top, scale: 'diverging', about });
}

const dimensionText = (column, value) => say('dimension {column}: {value}', { column, value: number(value) });
const width = () => arrays.query.length;
const deep = () => arrays.output.length;
const row = (list, index, size) => list.subarray(index * size, (index + 1) * size);

// --- the head: what it shares, what it sees ----------------------------------------------------------------------------
function drawTop() {
  const head = `L${payload.layer} H${payload.head}`;
  element.querySelector('.ts-inside-title').textContent = payload.unavailable
    ? head : say('{head} for the query “{token}” ({position})', { head, token: payload.query_label, position: payload.position });
  const counts = { layer: payload.layers, head: payload.heads };
  for (const stepper of element.querySelectorAll('.ts-stepper')) {
    const { name } = stepper.dataset;
    stepper.querySelector('output').textContent = payload[name];
    stepper.querySelector('[data-by="-1"]').disabled = payload[name] === 0;
    stepper.querySelector('[data-by="1"]').disabled = payload[name] === counts[name] - 1;
  }
}

function drawSharing() {
  const group = element.querySelector('.ts-sharing-heads');
  group.replaceChildren(...payload.shared_with.map((head) => {
    const chip = make('button', 'ts-chip', null, `H${head}`);
    chip.dataset.head = head;
    chip.setAttribute('aria-pressed', String(head === payload.head));
    chip.setAttribute('aria-label', say('open {head}', { head: `L${payload.layer} H${head}` }));
    return chip;
  }));
  element.querySelector('.ts-sharing-kv').textContent = say('kv {group}', { group: payload.key_value_head });
  const values = { group: payload.key_value_head, groups: payload.key_value_heads };
  element.querySelector('.ts-sharing-text').textContent = payload.shared_with.length > 1
    ? sayMany(
      'key/value head {group} of {groups}: its keys and values serve {count} query head',
      'key/value head {group} of {groups}: its keys and values serve {count} query heads', payload.shared_with.length, values,
    )
    : say("key/value head {group} of {groups}: this head's own keys and values", values);
}

function drawReach() {
  const count = payload.position + 1;
  const share = (position) => `${(100 * position) / count}%`;
  const seen = element.querySelector('.ts-reach-seen');
  const query = element.querySelector('.ts-reach-query');
  seen.style.left = share(payload.first_visible);
  seen.style.width = share(count - payload.first_visible);
  query.style.left = share(payload.position);
  query.style.width = share(1);
  const text = payload.window === null
    ? sayMany('this layer sees all {count} token up to the query', 'this layer sees all {count} tokens up to the query', count, { count })
    : sayMany(
      'sliding window of {count} token: it sees {first} to {last}, and nothing before',
      'sliding window of {count} tokens: it sees {first} to {last}, and nothing before',
      payload.window, { count: payload.window, first: payload.first_visible, last: payload.position },
    );
  element.querySelector('.ts-reach-text').textContent = text;
  element.querySelector('.ts-reach-track').setAttribute('aria-label', text);
}

// --- tables ------------------------------------------------------------------------------------------------------------
function drawHead(table, titles) {
  table.tHead.rows[0].replaceChildren(...titles.map(([text, about]) => {
    const cell = make('th', '', null, text);
    if (about) cell.title = about;
    return cell;
  }));
}

function fitRows(body, count, columns) {
  while (body.rows.length > count) body.lastElementChild.remove();
  while (body.rows.length < count) {
    const line = make('tr', '', body);
    make('th', '', line);
    for (let at = 1; at < columns; at += 1) make('td', '', line);
    make('canvas', 'ts-strip-cells', line.cells[1]);
  }
}

function weightCell(cell, weight) {
  let track = cell.querySelector('.ts-track');
  if (!track) {
    cell.className = 'ts-weight';
    track = make('span', 'ts-track', cell);
    make('span', 'ts-final', track);
    make('span', 'ts-number', cell);
  }
  track.firstChild.style.width = `${100 * weight}%`;
  cell.lastChild.textContent = weight.toFixed(4);
}

function drawScores() {
  const titles = words.scoreColumns(payload);
  if (scores.tBodies[0].rows[0]?.cells.length !== titles.length) scores.tBodies[0].replaceChildren();
  drawHead(scores, titles);
  fitRows(scores.tBodies[0], payload.labels.length, titles.length);
  const top = largest(arrays.products);
  payload.labels.forEach((label, index) => {
    const line = scores.tBodies[0].rows[index];
    const seen = Boolean(arrays.visible[index]);
    line.classList.toggle('ts-hidden-key', !seen);
    line.cells[0].textContent = label;
    line.cells[0].title = named(index);
    const canvas = line.cells[1].firstChild;
    const about = say('products for {token}, sum {sum}', { token: named(index), sum: number(arrays.raw[index]) });
    strip(canvas, about, row(arrays.products, index, width()), top, (column, value) => [
      say('dimension {column}, key {token}', { column, token: named(index) }),
      say('query {query} × key {key} = {product}', {
        query: number(arrays.query[column]), key: number(arrays.keys[index * width() + column]), product: number(value),
      }),
    ]);
    const numbers = [arrays.raw[index], arrays.scaled[index]];
    if (arrays.bias) numbers.push(arrays.bias[index]);
    if (arrays.bias || payload.softcap !== null) numbers.push(arrays.score[index]);
    numbers.forEach((value, at) => { line.cells[2 + at].textContent = number(value); });
    weightCell(line.cells[titles.length - 1], arrays.weights[index]);
    if (!seen) line.cells[titles.length - 1].lastChild.textContent = say('masked');
  });
  drawScoreFoot(titles.length);
  element.querySelector('.ts-low').textContent = `−${top.toFixed(2)}`;
  element.querySelector('.ts-high').textContent = `+${top.toFixed(2)}`;
  element.querySelector('.ts-of').textContent = say('product of one dimension (the query strip has its own range)');
}

function footRow(table, columns, title, weight) {
  const line = make('tr', '', table.tFoot);
  make('th', '', line, title);
  for (let at = 1; at < columns; at += 1) make('td', '', line);
  weightCell(line.cells[columns - 1], weight);
  return line;
}

const restText = () => sayMany('{count} key before these', '{count} keys before these', payload.rest.count);

function drawScoreFoot(columns) {
  scores.tFoot.replaceChildren();
  if (payload.sink_score !== null) {
    const line = footRow(scores, columns, say("model's own sink"), payload.sink);
    line.cells[columns - 2].textContent = number(payload.sink_score);
  }
  if (payload.rest.count) footRow(scores, columns, restText(), payload.rest.weight);
  const sum = total(arrays.weights) + payload.sink + payload.rest.weight;
  const line = footRow(scores, columns, say('sum'), Math.min(1, sum));
  line.className = 'ts-sum';
  line.cells[columns - 1].lastChild.textContent = sum.toFixed(4);
  // The strongest key's row, written out.
  const best = arrays.weights.indexOf(Math.max(...arrays.weights));
  if (best < 0) return;
  element.querySelector('.ts-check-scores').textContent = words.checkScores(payload, {
    token: named(best), count: width(), sum: total(row(arrays.products, best, width())), scaled: arrays.scaled[best],
    bias: arrays.bias?.[best], score: arrays.score[best], weight: arrays.weights[best], all: sum,
  });
}

function drawValues() {
  const titles = words.valueColumns();
  drawHead(values, titles);
  fitRows(values.tBodies[0], payload.labels.length, titles.length);
  const top = largest([...arrays.weighted, ...arrays.output]);
  const raw = largest(arrays.values);
  payload.labels.forEach((label, index) => {
    const line = values.tBodies[0].rows[index];
    line.classList.toggle('ts-hidden-key', !arrays.visible[index]);
    line.cells[0].textContent = label;
    line.cells[0].title = named(index);
    const own = line.cells[2].firstChild || make('canvas', 'ts-strip-cells ts-half', line.cells[2]);
    const describe = (column) => [
      say('dimension {column}, key {token}', { column, token: named(index) }),
      say('weight {weight} × value {value} = {product}', {
        weight: arrays.weights[index].toFixed(4), value: number(arrays.values[index * deep() + column]),
        product: number(arrays.weighted[index * deep() + column]),
      }),
    ];
    strip(line.cells[1].firstChild, say('weighted value of {token}', { token: named(index) }), row(arrays.weighted, index, deep()), top, describe);
    strip(own, say('value of {token}', { token: named(index) }), row(arrays.values, index, deep()), raw, describe);
    weightCell(line.cells[3], arrays.weights[index]);
  });
  drawValueFoot(top);
  element.querySelector('.ts-low2').textContent = `−${top.toFixed(2)}`;
  element.querySelector('.ts-high2').textContent = `+${top.toFixed(2)}`;
  element.querySelector('.ts-of2').textContent = say('weighted values and output; the values themselves −{top} to +{top}', { top: raw.toFixed(2) });
}

function drawValueFoot(top) {
  const rest = tokenscope.decode(payload.rest.weighted);
  values.tFoot.replaceChildren();
  for (const canvas of strips.keys()) if (!canvas.isConnected) strips.delete(canvas);
  const strippedRow = (title, list, weight, className) => {
    const line = footRow(values, 4, title, weight);
    line.className = className;
    const canvas = make('canvas', 'ts-strip-cells', line.cells[1]);
    strip(canvas, title, list, top, (column, value) => [title, dimensionText(column, value)]);
    return line;
  };
  if (payload.rest.count) strippedRow(restText(), rest, payload.rest.weight, '');
  const sum = total(arrays.weights) + payload.rest.weight;
  const line = strippedRow(say('Σ = output'), arrays.output, Math.min(1, sum), 'ts-sum');
  line.cells[3].lastChild.textContent = sum.toFixed(4);
  const column = [...arrays.output.keys()].reduce((best, at) => (Math.abs(arrays.output[at]) > Math.abs(arrays.output[best]) ? at : best), 0);
  let added = rest[column];
  for (let index = 0; index < payload.labels.length; index += 1) added += arrays.weighted[index * deep() + column];
  element.querySelector('.ts-check-values').textContent = words.checkValues(payload, { column, sum: added, output: arrays.output[column] });
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  const missing = element.querySelector('.ts-unavailable');
  missing.hidden = !payload.unavailable;
  missing.textContent = payload.unavailable || '';
  element.querySelector('.ts-inside-body').hidden = Boolean(payload.unavailable);
  drawTop();
  if (payload.unavailable) return;
  arrays = Object.fromEntries(ARRAYS.map((name) => [name, tokenscope.decode(payload[name])]));
  if (payload.bias) arrays.bias = tokenscope.decode(payload.bias);
  element.querySelector('.ts-hidden-note').hidden = payload.hide === 'none';
  drawSharing();
  drawReach();
  element.querySelector('.ts-shown').textContent = payload.rest.count ? say('keys: {shown}', { shown: payload.shown }) : '';
  element.querySelector('.ts-vector-name code').textContent = payload.query_label;
  const top = largest(arrays.query);
  strip(element.querySelector('.ts-query'), say('the query vector, one cell a dimension'), arrays.query, top, (column, value) => [say('query vector'), dimensionText(column, value)]);
  drawScores();
  drawValues();
  showSeen();
}

// A new query or layer begins with the first key that it sees: what a window hides lies above.
let seen = '';

function showSeen() {
  const now = `${payload.layer} ${payload.position}`;
  if (now === seen) return;
  seen = now;
  for (const scroll of element.querySelectorAll('.ts-inside-scroll')) {
    const row = scroll.querySelector('tbody').rows[Math.max(0, payload.first_visible - payload.start - 1)];
    scroll.scrollTop = row ? row.offsetTop - scroll.querySelector('thead').offsetHeight : 0;
  }
}

element.addEventListener('click', (event) => {
  const chip = event.target.closest('.ts-sharing button');
  if (chip) tokenscope.act('head', { layer: payload.layer, head: Number(chip.dataset.head) });
  const button = event.target.closest('.ts-stepper button');
  if (!button) return;
  const { name } = button.parentElement.dataset;
  const chosen = { layer: payload.layer, head: payload.head, [name]: payload[name] + Number(button.dataset.by) };
  payload = { ...payload, ...chosen }; // so that quick presses count on from each other; the answer confirms it
  tokenscope.act('head', chosen);
});

function drawScales() {
  for (const ramp of element.querySelectorAll('.ts-ramp')) ramp.style.backgroundImage = tokenscope.gradient('diverging');
  for (const { cells } of strips.values()) cells.repaint();
}
tokenscope.onTheme(drawScales);
drawScales();
watch('value', draw);
draw();
