// Steering: two texts whose vectors' difference is added to a stream, the choice of stream and strength, what is in force.
const { tokenscope } = window;
const { say } = tokenscope;
const find = (selector) => element.querySelector(selector);
const sides = Object.fromEntries([...element.querySelectorAll('.ts-steer-side')].map((side) => [side.dataset.side, side]));
const streams = find('.ts-steer-streams');
const slide = find('.ts-steer-slide');
const exact = find('.ts-steer-number');
const start = find('.ts-steer-start');
const add = find('.ts-steer-add');
const list = find('.ts-steer-list');
const PAUSE = 350; // milliseconds without a key press after which a typed text is sent
let facts = null;
let lengths = null; // { length, usual }, a number a stream
let stream = null; // the chosen one; the middle of the model at first
let timer = null;
let typed = false; // whether a box holds what the server was not told
let sent = null; // the draft that the server was told and has not answered yet

const signed = (value) => `${value < 0 ? '−' : ''}${Math.abs(value)}`;
const relative = (index) => lengths.length[index] / lengths.usual[index];
const inputOf = (side) => sides[side].querySelector('input');

// --- the draft -------------------------------------------------------------------------------------------------------
// What the server knows, or soon will.
function known() {
  const { plus, minus } = facts;
  return sent || { plus: plus.text, minus: minus.text, plus_position: plus.position, minus_position: minus.position };
}

function send(change = {}) {
  clearTimeout(timer);
  timer = null;
  typed = false;
  const draft = { ...known() };
  for (const side of ['plus', 'minus']) {
    if (draft[side] !== inputOf(side).value) draft[`${side}_position`] = -1; // another text begins with its last token
    draft[side] = inputOf(side).value;
  }
  sent = { ...draft, ...change };
  tokenscope.act('direction', sent);
}

function sendTyped() {
  clearTimeout(timer);
  timer = null;
  if (!facts) return; // the first answer asks again
  typed = false;
  if (['plus', 'minus'].some((side) => inputOf(side).value !== known()[side])) send();
}

function confirm() {
  const arrived = ['plus', 'minus'].every((side) => {
    const place = sent[`${side}_position`];
    return facts[side].text === sent[side] && (place === -1 || facts[side].position === place);
  });
  if (arrived) sent = null;
}

function drawSide(side) {
  const host = sides[side];
  const { text, tokens, position, error } = facts[side];
  const input = inputOf(side);
  if (document.activeElement !== input && !sent && !typed) input.value = text;
  input.classList.toggle('ts-wrong', Boolean(error));
  const wrong = host.querySelector('.ts-form-error');
  wrong.hidden = !error;
  wrong.textContent = error;
  const row = host.querySelector('.ts-steer-tokens');
  const focused = row.contains(document.activeElement) ? [...row.children].indexOf(document.activeElement) : -1;
  row.replaceChildren(...tokens.map((label, index) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = label;
    button.setAttribute('aria-pressed', String(index === position));
    button.dataset.position = index;
    return button;
  }));
  row.children[focused]?.focus();
}

function drawExamples() {
  const host = find('.ts-steer-example-list');
  if (host.children.length === facts.examples.length) return;
  host.replaceChildren(...facts.examples.map(([title, plus, minus, depth, strength, prompt]) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'ts-chip';
    button.textContent = title;
    button.addEventListener('click', () => {
      inputOf('plus').value = plus;
      inputOf('minus').value = minus;
      stream = Math.round(depth * facts.layers);
      setStrength(strength);
      find('.ts-steer-try').textContent = say('made for the prompt “{prompt}”', { prompt });
      drawStreams();
      drawSum();
      send();
    });
    return button;
  }));
}

// --- where, and how much ---------------------------------------------------------------------------------------------
function drawStreams() {
  find('.ts-steer-where').hidden = !lengths;
  if (!lengths) return;
  const count = lengths.length.length;
  if (stream === null || stream >= count) stream = Math.floor(count / 2);
  const most = Math.max(...Array.from({ length: count }, (_, index) => relative(index)).filter(Number.isFinite), 1e-9);
  while (streams.children.length > count) streams.lastElementChild.remove();
  while (streams.children.length < count) {
    const button = document.createElement('button');
    button.type = 'button';
    button.setAttribute('role', 'radio');
    for (const name of ['ts-steer-share', 'ts-steer-bar', 'ts-steer-name']) {
      button.append(Object.assign(document.createElement('span'), { className: name }));
    }
    button.children[1].append(document.createElement('span'));
    streams.append(button);
  }
  [...streams.children].forEach((button, index) => {
    const share = relative(index);
    button.children[0].textContent = Number.isFinite(share) ? share.toFixed(2) : '–';
    button.children[1].firstChild.style.height = `${(100 * (Number.isFinite(share) ? share : 0)) / most}%`;
    button.children[2].textContent = index;
    button.setAttribute('aria-checked', String(index === stream));
    button.setAttribute('aria-label', say('stream {stream}, the difference is {share} lengths', { stream: index, share: share.toFixed(2) }));
    button.tabIndex = index === stream ? 0 : -1;
  });
}

function drawSum() {
  const strength = Number(exact.value);
  const usable = exact.value !== '' && Math.abs(strength) <= 1000;
  const empty = lengths && !(lengths.length[stream] > 0);
  add.disabled = !lengths || !usable || empty || facts.steers.length >= facts.most;
  const sum = find('.ts-steer-sum');
  if (!lengths) sum.textContent = '';
  else if (empty) sum.textContent = say('In stream {stream} the two vectors are equal: adding their difference changes nothing.', { stream });
  else if (!usable) sum.textContent = say('The strength has to be a number from −1000 to 1000.');
  else if (facts.steers.length >= facts.most) sum.textContent = say('{count} steerings are in force: take one back first.', { count: facts.most });
  else {
    sum.textContent = say('Adds {strength} × {length} = {sum} usual lengths to stream {stream}.', {
      strength: signed(strength), length: relative(stream).toFixed(2), sum: signed(Number((strength * relative(stream)).toFixed(2))), stream,
    });
  }
}

function setStrength(value) {
  exact.value = value;
  slide.value = value;
}

function drawStart() {
  const kept = start.selectedIndex;
  const here = say('“{token}” ({position}) on', { token: facts.at, position: facts.start });
  start.replaceChildren(new Option(here, facts.start), new Option(say('the first token on'), 0));
  start.selectedIndex = Math.max(0, kept);
}

// --- what is in force ------------------------------------------------------------------------------------------------
function makeRow() {
  const row = document.createElement('div');
  row.className = 'ts-steer-row';
  const [words, range, number, remove] = [['span', 'ts-steer-words'], ['input', 'ts-steer-slide'], ['input', 'ts-steer-number'], ['button', 'ts-chip']]
    .map(([name, className]) => Object.assign(document.createElement(name), { className }));
  Object.assign(range, { type: 'range', min: -4, max: 4, step: 0.1 });
  Object.assign(number, { type: 'number', min: -1000, max: 1000, step: 0.1 });
  Object.assign(remove, { type: 'button', textContent: say('take back') });
  const index = () => [...list.children].indexOf(row);
  const strengthen = (value) => tokenscope.act('strengthen', { index: index(), strength: value });
  range.addEventListener('input', () => {
    number.value = range.value;
    strengthen(Number(range.value));
  });
  number.addEventListener('change', () => {
    if (number.value !== '') strengthen(Number(number.value));
  });
  remove.addEventListener('click', () => tokenscope.act('unsteer', { index: index() }));
  row.append(words, range, number, remove);
  return row;
}

function drawSteers() {
  const { steers } = facts;
  find('.ts-steer-none').hidden = steers.length > 0;
  while (list.children.length > steers.length) list.lastElementChild.remove();
  while (list.children.length < steers.length) list.append(makeRow());
  steers.forEach(({ layer, strength, start: from, name, about }, index) => {
    const [words, range, number, remove] = list.children[index].children;
    words.textContent = from ? say('stream {stream}, from position {position} on: {name}', { stream: layer, position: from, name })
      : say('stream {stream}, everywhere: {name}', { stream: layer, name });
    words.title = about;
    // A slider under the finger is ahead of the answers.
    if (document.activeElement !== range) range.value = strength;
    if (document.activeElement !== number && document.activeElement !== range) number.value = strength;
    range.setAttribute('aria-label', say('strength of {name}', { name }));
    number.setAttribute('aria-label', say('strength of {name} as a number', { name }));
    remove.setAttribute('aria-label', say('take {name} back', { name }));
  });
}

function draw() {
  if (!props.value) return;
  facts = props.value;
  lengths = facts.lengths && { length: tokenscope.decode(facts.lengths.length), usual: tokenscope.decode(facts.lengths.usual) };
  const missing = find('.ts-unavailable');
  missing.hidden = !facts.unavailable;
  missing.textContent = facts.unavailable;
  find('.ts-steer-form').hidden = Boolean(facts.unavailable);
  if (sent) confirm();
  drawExamples();
  drawSide('plus');
  drawSide('minus');
  if (typed && timer === null) sendTyped(); // it was typed before the first answer
  drawStreams();
  drawStart();
  drawSum();
  drawSteers();
}

function chooseStream(index) {
  stream = Math.min(lengths.length.length - 1, Math.max(0, index));
  drawStreams();
  drawSum();
}

for (const side of ['plus', 'minus']) {
  inputOf(side).addEventListener('input', () => {
    typed = true;
    clearTimeout(timer);
    timer = setTimeout(sendTyped, PAUSE);
  });
  inputOf(side).addEventListener('change', sendTyped);
  sides[side].querySelector('.ts-steer-tokens').addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (button) send({ [`${side}_position`]: Number(button.dataset.position) });
  });
}
streams.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button) chooseStream([...streams.children].indexOf(button));
});
streams.addEventListener('keydown', (event) => {
  const move = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
  if (!move) return;
  event.preventDefault();
  event.stopPropagation(); // the arrow keys step elsewhere
  chooseStream(stream + move);
  streams.children[stream].focus();
});
slide.addEventListener('input', () => {
  exact.value = slide.value;
  drawSum();
});
exact.addEventListener('input', () => {
  slide.value = exact.value;
  drawSum();
});
add.addEventListener('click', () => {
  sendTyped();
  tokenscope.act('steer', { layer: stream, strength: Number(exact.value), start: Number(start.value) });
});
tokenscope.failures.push(() => { sent = null; });
watch('value', draw);
draw();
