// Choosing a token: settings tried on one distribution, every filter's result, the nucleus, and many draws.
const { tokenscope } = window;
const { make, say, sayMany } = tokenscope;
const find = (selector) => element.querySelector(selector);
const form = find('.ts-try');
const cards = find('.ts-steps-cards');
const rows = find('.ts-draw-rows');
const seed = find('.ts-seed');
const count = find('.ts-count');
const OFF = { temperature: 0, top_k: 0, top_p: 1, min_p: 0, repetition_penalty: 1 };
const TRIES = {
  greedy: OFF,
  plain: { ...OFF, temperature: 1 },
  careful: { ...OFF, temperature: 0.7, top_p: 0.9 },
  bold: { ...OFF, temperature: 1.5, min_p: 0.02 },
};
let payload = null;

const curve = tokenscope.cumulativeCurve(find('.ts-curve-host'));

// --- settings ----------------------------------------------------------------------------------------------------------
const numbers = () => [...form.querySelectorAll('input[name]')];

function settings() {
  return { ...Object.fromEntries(numbers().map((field) => [field.name, field.value])), seed: seed.value };
}

function send(changes = {}) {
  tokenscope.act('playground', { settings: { ...settings(), ...changes }, count: Number(count.value) });
}

// Writes settings into the fields; what is being typed or pulled stays as it is.
function fill(values) {
  for (const field of numbers()) {
    const row = field.closest('.ts-try-field');
    if (row.contains(document.activeElement)) continue;
    field.value = values[field.name];
    row.querySelector('[type=range]').value = field.value;
  }
}

function drawForm() {
  fill(payload.settings);
  if (document.activeElement !== seed) seed.value = payload.settings.seed;
  find('.ts-after').textContent = payload.after;
  find('.ts-try-says').textContent = payload.differs
    ? say('Tried here: {tried}. The page: {page}.', { tried: payload.summary, page: payload.page_summary })
    : say('As the page has it: {page}.', { page: payload.page_summary });
  find('.ts-use').disabled = find('.ts-reset').disabled = !payload.differs;
  find('.ts-taken-says').textContent = payload.taken;
  if (count.children.length) count.value = payload.draws.count;
  else count.replaceChildren(...payload.counts.map((one) => new Option(tokenscope.whole(one), one, false, one === payload.draws.count)));
}

// --- filter by filter --------------------------------------------------------------------------------------------------
function makeCard() {
  const card = make('div', 'ts-step-card', cards);
  make('h4', '', card);
  make('p', 'ts-facts-line', card);
  make('div', 'ts-step-rows', card);
}

function drawRow(host, index, [id, label, share]) {
  let row = host.children[index];
  if (!row) {
    row = make('div', 'ts-step-row', host);
    make('code', 'ts-label', row);
    make('span', 'ts-final', make('span', 'ts-track', row));
    make('span', 'ts-number', row);
  }
  const [code, track, number] = row.children;
  code.textContent = code.title = label;
  track.firstChild.style.width = `${100 * share}%`;
  number.textContent = tokenscope.percent(share);
  row.classList.toggle('ts-is-greedy', id === payload.greedy);
}

function drawCards() {
  find('.ts-no-filter').hidden = payload.steps.length > 1;
  while (cards.children.length < payload.steps.length) makeCard();
  while (cards.children.length > payload.steps.length) cards.lastElementChild.remove();
  payload.steps.forEach((step, index) => {
    const [title, told, list] = cards.children[index].children;
    title.textContent = `${step.name} ${step.setting}`;
    told.textContent = say('{told} · entropy {entropy} nats', { told: step.told, entropy: step.entropy.toFixed(2) });
    while (list.children.length > step.rows.length) list.lastElementChild.remove();
    step.rows.forEach((row, place) => drawRow(list, place, row));
  });
}

// --- the nucleus -------------------------------------------------------------------------------------------------------
function drawCurve() {
  const { ranks, together, own, labels, nucleus, reached, top_p: share } = payload.curve;
  const all = tokenscope.whole(payload.curve.count);
  find('.ts-nucleus-says').textContent = share < 1
    ? sayMany(
      'The first {count} token reaches {reached}: that is the nucleus of top-p {share}, of {all} that are left.',
      'The first {count} tokens reach {reached}: that is the nucleus of top-p {share}, of {all} that are left.',
      nucleus, { reached: tokenscope.percent(reached), share, all },
    )
    : sayMany(
      'Top-p is off: the {count} token that is left is kept. Lower it to cut the tail.',
      'Top-p is off: all {count} tokens that are left are kept. Lower it to cut the tail.',
      payload.curve.count,
    );
  curve.draw({
    ranks: tokenscope.decode(ranks), together: tokenscope.decode(together), own: tokenscope.decode(own),
    labels, nucleus, share, count: payload.curve.count,
  }, find('.ts-axis').value);
}

// --- many draws --------------------------------------------------------------------------------------------------------
function makeDraw() {
  const row = make('div', 'ts-draw-row', rows);
  row.setAttribute('role', 'listitem');
  make('code', 'ts-label', row);
  const track = make('span', 'ts-track', row);
  for (const name of ['ts-raw', 'ts-final', 'ts-band']) make('span', name, track);
  make('span', 'ts-number', row);
}

const near = (value) => (value < 9.95 ? value.toFixed(1) : tokenscope.whole(value));

function drawDraws() {
  const { draws } = payload;
  const list = draws.rows.map(([, label, ...numbers]) => [label, ...numbers]);
  if (draws.others > 0) list.push([sayMany('{count} other', '{count} others', draws.others), ...draws.other]);
  const top = Math.max(...list.map(([, , expected, drawn]) => Math.max(expected, drawn)), 1);
  while (rows.children.length < list.length) makeDraw();
  while (rows.children.length > list.length) rows.lastElementChild.remove();
  list.forEach(([label, share, expected, drawn, deviation], index) => {
    const row = rows.children[index];
    const [code, track, number] = row.children;
    const place = (value) => Math.min(100, Math.max(0, (100 * value) / top));
    code.textContent = code.title = label;
    track.children[0].style.width = `${place(expected)}%`;
    track.children[1].style.width = `${place(drawn)}%`;
    const low = place(expected - 2 * deviation);
    Object.assign(track.children[2].style, { left: `${low}%`, width: `${place(expected + 2 * deviation) - low}%` });
    number.textContent = `${tokenscope.whole(drawn)} / ${near(expected)}`;
    row.setAttribute('aria-label', say('{token}: drawn {drawn} times, {expected} expected, probability {probability}', {
      token: label, drawn, expected: near(expected), probability: tokenscope.percent(share),
    }));
    row.classList.toggle('ts-rest', index >= draws.rows.length);
  });
  find('.ts-draws-says').textContent = draws.told;
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  drawForm();
  drawCards();
  drawCurve();
  drawDraws();
}

form.addEventListener('input', ({ target }) => {
  const row = target.closest('.ts-try-field');
  const [range, number] = row.querySelectorAll('input');
  if (target === range) number.value = range.value;
  else range.value = number.value;
  if (number.value !== '') send(); // an empty field is being typed in
});
form.addEventListener('submit', (event) => event.preventDefault());
for (const button of element.querySelectorAll('[data-try]')) {
  button.addEventListener('click', () => {
    fill(TRIES[button.dataset.try]); // an answer like the one before would not be drawn again, so a refused number would stay
    send();
  });
}
find('.ts-reset').addEventListener('click', () => {
  fill(payload.page);
  tokenscope.act('playground', { count: Number(count.value) });
});
find('.ts-use').addEventListener('click', () => {
  tokenscope.act('decode', { ...settings(), stop: payload.page.stop });
  tokenscope.act('playground', { count: Number(count.value) });
});
find('.ts-axis').addEventListener('change', drawCurve);
count.addEventListener('change', () => send());
seed.addEventListener('change', () => send());
find('.ts-again').addEventListener('click', () => send({ seed: String(Number(seed.value) + 1) }));
watch('value', draw);
draw();
