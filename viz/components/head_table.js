// All heads in a table: sorted by any column, filtered by label; a row opens its head, a label leads to what it means.
const { tokenscope } = window;
const { later, make, say, sayMany } = tokenscope;
const headRow = element.querySelector('thead tr');
const body = element.querySelector('tbody');
const filter = element.querySelector('.ts-filter');
const more = element.querySelector('.ts-more');
const FIRST_ROWS = 100; // of large models; the rest appears when asked for
const MEASURES = {
  entropy: later('entropy'), distance: later('distance'), self: later('self'), previous: later('previous'), first: later('first'),
  special: later('special'), duplicate: later('duplicate'), induction: later('induction'),
  duplicate_random: later('duplicate random'), induction_random: later('induction random'),
};
const UNITS = { nats: later('nats'), tokens: later('tokens'), share: later('share') };
let payload = null;
let heads = []; // { layer, head, group, label, off, values: number a measure }
let sort = { column: 'name', down: false };
let everything = false;

function read() {
  const [label, group, off] = ['label', 'key_value', 'ablated'].map((name) => tokenscope.decode(payload[name]));
  const values = payload.measures.map((measure) => tokenscope.decode(measure.values));
  heads = [];
  for (let at = 0; at < payload.layers * payload.heads; at += 1) {
    if (group[at] < 0) continue;
    heads.push({
      layer: Math.floor(at / payload.heads), head: at % payload.heads, group: group[at], label: label[at],
      off: Boolean(off[at]), values: values.map((column) => column[at]),
    });
  }
}

function columns() {
  return [
    { id: 'name', title: say('head'), about: say('layer and head'), of: (head) => head.layer * 1e5 + head.head },
    {
      id: 'group', title: say('kv'), about: say('the key/value head it reads; heads with the same number share it'),
      of: (head) => head.layer * 1e5 + head.group,
    },
    { id: 'label', title: say('label'), about: say('what it does, by the thresholds below'), of: (head) => head.label },
    ...payload.measures.map((measure, index) => ({
      id: measure.name, title: say(MEASURES[measure.name]), about: aboutMeasure(measure), measure, of: (head) => head.values[index], index,
    })),
  ];
}

function aboutMeasure({ meaning, unit }) {
  const name = say(UNITS[unit]);
  return say('{meaning} Unit: {unit}.', { meaning, unit: name });
}

// Numbers sort the largest first, names and groups from the beginning; what is not known comes last either way.
function sorted(column, down) {
  const sign = down ? -1 : 1;
  const shown = filter.value === '' ? heads : heads.filter((head) => head.label === Number(filter.value));
  return [...shown].sort((a, b) => {
    const [x, y] = [column.of(a), column.of(b)];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return sign * (x - y) || a.layer - b.layer || a.head - b.head;
  });
}

function drawHead(list) {
  while (headRow.children.length > list.length) headRow.lastElementChild.remove();
  list.forEach((column, index) => {
    const cell = headRow.children[index] || make('th', '', headRow);
    const button = cell.firstChild || make('button', '', cell);
    button.type = 'button';
    const by = sort.column === column.id;
    button.textContent = `${column.title}${by ? (sort.down ? ' ▼' : ' ▲') : ''}`;
    button.title = column.about;
    button.dataset.column = column.id;
    cell.setAttribute('aria-sort', by ? (sort.down ? 'descending' : 'ascending') : 'none');
  });
}

function makeRow(list) {
  const row = make('tr', '', body);
  const open = make('button', 'ts-row-open', make('th', '', row));
  open.type = 'button';
  make('td', 'ts-group', row);
  const label = make('button', 'ts-link', make('td', '', row));
  label.type = 'button';
  for (const { measure } of list) {
    if (!measure) continue;
    const cell = make('td', 'ts-measure', row);
    make('span', 'ts-measure-bar', cell);
    make('span', 'ts-measure-number', cell);
  }
  return row;
}

function numberText(value, unit) {
  if (Number.isNaN(value)) return '–';
  return unit === 'tokens' ? value.toFixed(1) : value.toFixed(2);
}

function openText({ layer, head, off }) {
  const name = `L${layer} H${head}`;
  return off ? say('open {head}, switched off', { head: name }) : say('open {head}', { head: name });
}

function fillRow(row, head, list) {
  const [name, group, label, ...cells] = row.children;
  row.dataset.layer = head.layer;
  row.dataset.head = head.head;
  const chosen = head.layer === payload.selected[0] && head.head === payload.selected[1];
  row.classList.toggle('ts-here', chosen);
  row.classList.toggle('ts-switched-off', head.off);
  name.firstChild.textContent = `L${head.layer} H${head.head}`;
  name.firstChild.setAttribute('aria-label', openText(head));
  if (head.off) name.firstChild.dataset.off = say('off');
  else delete name.firstChild.dataset.off;
  if (chosen) name.firstChild.setAttribute('aria-current', 'true');
  else name.firstChild.removeAttribute('aria-current');
  group.textContent = head.group;
  label.firstChild.textContent = payload.labels[head.label]?.name ?? '';
  label.firstChild.dataset.label = head.label;
  list.filter((column) => column.measure).forEach(({ measure, index }, at) => {
    const value = head.values[index];
    const share = Number.isNaN(value) ? 0 : Math.min(1, Math.max(0, value / measure.top));
    cells[at].firstChild.style.width = `${(100 * share).toFixed(1)}%`;
    cells[at].lastChild.textContent = numberText(value, measure.unit);
  });
}

function drawRows() {
  const list = columns();
  const found = sorted(list.find((column) => column.id === sort.column) || list[0], sort.down);
  const shown = everything ? found : found.slice(0, FIRST_ROWS);
  drawHead(list);
  if (body.firstChild && body.firstChild.children.length !== list.length) body.replaceChildren();
  while (body.children.length > shown.length) body.lastElementChild.remove();
  shown.forEach((head, index) => fillRow(body.children[index] || makeRow(list), head, list));
  more.hidden = shown.length === found.length;
  more.textContent = say('Show all {count}', { count: tokenscope.whole(found.length) });
  element.querySelector('.ts-shown').textContent = shownText(found.length);
}

function shownText(count) {
  const windows = [...new Set(payload.windows.filter((size) => size !== null))];
  const values = {
    shown: tokenscope.whole(count), sizes: windows.join(', '), layers: windowed().join(', '),
  };
  return windows.length
    ? sayMany(
      '{shown} of {count} head · sliding window of {sizes} tokens in layers {layers}',
      '{shown} of {count} heads · sliding window of {sizes} tokens in layers {layers}', heads.length, values,
    )
    : sayMany('{shown} of {count} head', '{shown} of {count} heads', heads.length, values);
}

const windowed = () => payload.windows.flatMap((size, layer) => (size === null ? [] : [layer]));

function drawFilter() {
  const before = filter.value;
  const counts = payload.labels.map((_, index) => heads.filter((head) => head.label === index).length);
  filter.replaceChildren(
    new Option(say('all'), ''),
    ...payload.labels.map((label, index) => new Option(`${label.name} (${counts[index]})`, index)),
  );
  filter.value = before;
}

function drawMeanings() {
  const labels = element.querySelector('.ts-labels-meant');
  const measures = element.querySelector('.ts-measures-meant');
  if (labels.children.length) return;
  payload.labels.forEach((label, index) => {
    const term = make('dt', '', labels, label.name);
    term.dataset.label = index;
    term.tabIndex = -1;
    const said = make('dd', '', labels, label.meaning);
    make('div', 'ts-condition', said, say('Given when {condition}.', { condition: label.condition }));
  });
  for (const measure of payload.measures) {
    const [name, unit] = [say(MEASURES[measure.name]), say(UNITS[measure.unit])];
    make('dt', '', measures, `${name} (${unit})`);
    make('dd', '', measures, measure.meaning);
  }
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  const missing = element.querySelector('.ts-unavailable');
  missing.hidden = !payload.unavailable;
  missing.textContent = payload.unavailable || '';
  element.querySelector('.ts-table-scroll').hidden = Boolean(payload.unavailable);
  element.querySelector('.ts-hidden-note').hidden = (payload.hide ?? 'none') === 'none';
  if (payload.unavailable) return;
  read();
  drawFilter();
  drawRows();
  drawMeanings();
}

function meaning(index) {
  const term = element.querySelector(`.ts-labels-meant dt[data-label="${index}"]`);
  term?.scrollIntoView({ block: 'center' });
  term?.focus({ preventScroll: true });
}

headRow.addEventListener('click', (event) => {
  const id = event.target.closest('button')?.dataset.column;
  if (!id) return;
  const names = ['name', 'group', 'label'].includes(id);
  sort = { column: id, down: sort.column === id ? !sort.down : !names };
  drawRows();
});
body.addEventListener('click', (event) => {
  const link = event.target.closest('.ts-link');
  if (link) {
    meaning(link.dataset.label);
    return;
  }
  const row = event.target.closest('tr');
  if (row) tokenscope.act('open_head', { layer: Number(row.dataset.layer), head: Number(row.dataset.head) });
});
filter.addEventListener('change', drawRows);
more.addEventListener('click', () => {
  everything = true;
  drawRows();
});
watch('value', draw);
draw();
