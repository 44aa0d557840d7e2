// What each token contributed to the choice: the question, a method, and its answer as a shaded text and a list.
const { tokenscope } = window;
const { later, say } = tokenscope;
const find = (selector) => element.querySelector(selector);
const form = tokenscope.questionForm(find('.ts-question-host'));
const method = find('.ts-method');
const steps = find('.ts-input-steps');
const text = find('.ts-inputs-text');
const rows = find('.ts-input-rows');
const wrong = find('.ts-inputs-wrong'); // the form of the question has one of its own
const LEAST = 1e-3; // a scale for smaller values would make rounding look like effects
const METHODS = {
  gradient: [later('gradient × input'), later('The gradient of the number by each token’s embedding, times the embedding (Shrikumar et al., 2016). ' +
    'Local: it knows the slope at this text only. Nothing makes the scores add up, least of all where norms hide how long an embedding is.')],
  integrated: [later('integrated gradients'), later('The same gradients, averaged over the way from the baseline to the text (Sundararajan et al., 2017). ' +
    'The more steps, the closer they sum to the change.')],
  'leave-one-out': [later('leave one out'), later('How much the number falls when the token is taken away and the others close up (Li et al., 2016: ' +
    'erasure). One run for each token; nothing makes the scores add up.')],
};
const kept = new Map(); // method -> its latest result that was asked for
let payload = null;
let shown = null;
let picked = null;

const signed = (value, digits = 3) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`;
const named = (position) => `“${shown.labels[position]}” (${position})`;

// A result with its arrays, for this tab and for the token strip.
function read(result) {
  const [ids, score] = [Array.from(tokenscope.decode(result.ids)), tokenscope.decode(result.score)];
  const top = score.reduce((most, value) => (Number.isNaN(value) ? most : Math.max(most, Math.abs(value))), LEAST);
  return { ...result, ids, score, top, name: say(METHODS[result.method][0]) };
}

function isFresh(result) {
  return tokenscope.contribution.isAbout(result, payload.ids, payload.state) && result.asked.every((one, index) => one === payload.asked[index]);
}

function subject() {
  const values = { token: shown.label, rival: shown.rival, place: named(shown.position) };
  return shown.rival ? say('“{token}” against “{rival}” after {place}', values) : say('“{token}” after {place}', values);
}

function drawTold() {
  const line = find('.ts-told');
  if (!shown) {
    line.textContent = say('Nothing is known yet by this method: press run. It can be cancelled.');
    return;
  }
  const stale = isFresh(shown) ? '' : say('This is about an earlier text or question: run it again.');
  const values = { subject: subject(), number: shown.number, method: shown.name, steps: shown.steps };
  const told = shown.method === 'integrated'
    ? say('What each token contributed to {subject}: {number}, by {method}, {steps} steps.', values)
    : say('What each token contributed to {subject}: {number}, by {method}.', values);
  line.textContent = `${told} ${stale}`.trim();
  find('.ts-inputs-result').classList.toggle('ts-stale', Boolean(stale));
}

function drawText() {
  const { colours, theme, mix } = tokenscope;
  while (text.children.length > shown.labels.length) text.lastElementChild.remove();
  while (text.children.length < shown.labels.length) {
    const button = document.createElement('button');
    button.type = 'button';
    button.dataset.position = text.children.length;
    text.append(button);
  }
  shown.labels.forEach((label, position) => {
    const button = text.children[position];
    const value = shown.score[position];
    if (button.textContent !== label) button.textContent = label;
    button.classList.toggle('ts-unknown', Number.isNaN(value));
    button.style.backgroundColor = Number.isNaN(value) ? '' : mix(colours.diverging_tint[theme()], 0.5 + value / shown.top / 2);
  });
  find('.ts-ramp').style.backgroundImage = tokenscope.gradient('diverging_tint');
  find('.ts-low').textContent = `−${shown.top.toFixed(2)}`;
  find('.ts-high').textContent = `+${shown.top.toFixed(2)}`;
}

function makeRow() {
  const row = document.createElement('button');
  row.type = 'button';
  row.className = 'ts-input-row';
  for (const [name, className] of [['code', 'ts-label'], ['span', 'ts-place'], ['span', 'ts-track'], ['span', 'ts-number']]) {
    const part = document.createElement(name);
    part.className = className;
    row.append(part);
  }
  row.children[2].append(document.createElement('span'));
  return row;
}

function drawRows() {
  while (rows.children.length > shown.order.length) rows.lastElementChild.remove();
  while (rows.children.length < shown.order.length) rows.append(makeRow());
  shown.order.forEach((position, index) => {
    const row = rows.children[index];
    const value = shown.score[position];
    const [label, place, track, number] = row.children;
    row.dataset.position = position;
    row.setAttribute('aria-label', say('{token}, {value} logits', { token: named(position), value: signed(value) }));
    label.textContent = label.title = shown.labels[position];
    place.textContent = position;
    number.textContent = signed(value);
    const share = (50 * Math.abs(value)) / shown.top;
    Object.assign(track.firstChild.style, { left: `${value < 0 ? 50 - share : 50}%`, width: `${share}%` });
    track.firstChild.classList.toggle('ts-against', value < 0);
  });
}

// The tooltip's words for one token.
function describe(position) {
  const value = shown.score[position];
  if (!Number.isNaN(value)) return [named(position), say('{value} logits for “{token}”', { value: signed(value, 4), token: shown.label })];
  return [named(position), shown.done < shown.runs ? say('not known yet') : say('not left out: the model reads its answer here')];
}

function drawPicked() {
  if (picked !== null && picked >= shown.labels.length) picked = null;
  for (const button of element.querySelectorAll('[data-position]')) {
    button.setAttribute('aria-pressed', String(Number(button.dataset.position) === picked));
  }
  find('.ts-inputs-picked').textContent = picked === null ? say('Click a token for its number.') : describe(picked).join(': ');
}

function drawForm() {
  const now = method.value === 'gradient' && Boolean(payload.now);
  steps.hidden = method.value !== 'integrated';
  find('.ts-start').hidden = now; // what is known at once need not be asked for
  find('.ts-method-about').textContent = say(METHODS[method.value][1]);
  find('.ts-unavailable').hidden = !payload.unavailable;
  find('.ts-unavailable').textContent = payload.unavailable || '';
}

function drawResult() {
  const now = method.value === 'gradient' && payload.now ? read(payload.now) : null;
  shown = now || kept.get(method.value) || null;
  find('.ts-inputs-result').hidden = !shown;
  find('.ts-done').textContent = shown && !now ? say('{done} of {total}', { done: shown.done, total: shown.runs }) : '';
  drawTold();
  if (!shown) return;
  find('.ts-meter').value = shown.done / shown.runs;
  find('.ts-inputs-sum').textContent = shown.told;
  drawText();
  drawRows();
  drawPicked();
  if (isFresh(shown)) tokenscope.contribution.publish(shown);
}

function draw() {
  if (!props.value) return;
  if (props.value.scan) {
    const result = read(props.value.scan);
    kept.set(result.method, result);
  } else payload = props.value;
  if (!payload) return;
  if (payload.form) form.draw(payload.form);
  drawForm();
  drawResult();
}

tokenscope.longRun(element, {
  start: find('.ts-start'),
  wrong,
  question: () => ({ what: 'inputs', method: method.value, steps: Number(steps.querySelector('select').value) }),
});
method.addEventListener('change', () => {
  wrong.hidden = true;
  drawForm();
  drawResult();
});
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-position]');
  if (!button) return;
  picked = Number(button.dataset.position) === picked ? null : Number(button.dataset.position);
  drawPicked();
});
text.addEventListener('mousemove', (event) => {
  const button = event.target.closest('[data-position]');
  if (button) tokenscope.showTip(event.clientX, event.clientY, describe(Number(button.dataset.position)));
  else tokenscope.hideTip();
});
text.addEventListener('mouseleave', tokenscope.hideTip);
tokenscope.onTheme(() => { if (shown) drawText(); });
watch('value', draw);
draw();
