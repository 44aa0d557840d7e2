// The loop of writing: the step at the cursor as a picture, and every step as a row with its growing input.
const { tokenscope } = window;
const { make, say, sayMany } = tokenscope;
const at = (selector) => element.querySelector(selector);
const rows = at('.ts-loop-rows');
const select = at('.ts-window');
const TAIL = 6; // tokens of an input in a row
let payload = null;
let arrays = null;

const kind = (position) => (position < payload.prompt_length ? 'ts-prompt' : 'ts-written');
const tokens = (count) => sayMany('{count} token', '{count} tokens', count);

function choice(rank) {
  return rank === 0 ? say('first choice') : say('choice {rank}', { rank: tokenscope.whole(rank + 1) });
}

// The last tokens of an input that ends before the position `end`; what was left out is counted.
function drawTail(host, labels, end) {
  const left = end - labels.length;
  host.replaceChildren();
  if (left > 0) make('span', 'ts-loop-left', host, sayMany('… {count} more', '… {count} more', left));
  labels.forEach((label, index) => make('span', `ts-token ${kind(left + index)}`, host, label));
}

// --- the step at the cursor ---------------------------------------------------------------------------------------------
function drawFigure() {
  const after = payload.cursor + 1;
  const given = after < payload.prompt_length;
  at('.ts-loop-in h4').textContent = say('Text in: {tokens}', { tokens: tokens(after) });
  drawTail(at('.ts-loop-in .ts-loop-chips'), payload.read, after);
  at('.ts-loop-model p').textContent = sayMany('{count} block, run once', '{count} blocks, run once', payload.layers);
  const chips = at('.ts-loop-out .ts-loop-chips');
  chips.replaceChildren();
  const open = !payload.output;
  const [label, probability, rank] = payload.output || [...payload.next, 0];
  const notTaken = payload.ended ? say('One token out: not taken') : say('One token out: not taken yet');
  at('.ts-loop-out h4').textContent = open ? notTaken : say('One token out');
  make('span', `ts-token ${open ? 'ts-loop-open' : kind(after)}`, chips, label);
  const place = open ? say('the most probable') : choice(rank);
  at('.ts-loop-out .ts-facts-line').textContent = `${tokenscope.percent(probability)}, ${place}`;
  at('.ts-loop-back span').textContent = given
    ? say('inside the prompt nothing is appended: your own token follows')
    : open && payload.ended
      ? say('nothing more is appended: {reason}', { reason: payload.ended })
      : say('appended: the next input has {tokens}', { tokens: tokens(after + 1) });
}

// --- every step ---------------------------------------------------------------------------------------------------------
function makeRow() {
  const row = make('button', 'ts-loop-row', rows);
  row.type = 'button';
  for (const name of ['ts-loop-step', 'ts-loop-count', 'ts-loop-tail', 'ts-loop-to', 'ts-loop-token']) make('span', name, row);
  row.children[3].textContent = '→';
  const bar = make('span', 'ts-loop-bar', row);
  make('span', 'ts-loop-fill', bar);
  make('span', 'ts-loop-number', bar);
  return row;
}

function fillRow(row, position, [label, probability, rank]) {
  const [step, count, tail, , token, bar] = row.children;
  const open = position === payload.total;
  row.dataset.step = position - payload.prompt_length + 1;
  row.dataset.cursor = position - 1;
  step.textContent = row.dataset.step;
  count.textContent = tokenscope.whole(position);
  const begin = Math.max(0, position - TAIL);
  drawTail(tail, payload.labels.slice(begin - payload.first, position - payload.first), position);
  token.replaceChildren();
  make('span', `ts-token ${open ? 'ts-loop-open' : 'ts-written'}`, token, label);
  bar.firstChild.style.width = `${(100 * probability).toFixed(1)}%`;
  const place = open ? say('not taken yet') : choice(rank);
  bar.lastChild.textContent = `${tokenscope.percent(probability)} · ${place}`;
  row.classList.toggle('ts-here', position === payload.cursor + 1);
  if (position === payload.cursor + 1) row.setAttribute('aria-current', 'step');
  else row.removeAttribute('aria-current');
}

function drawRows() {
  const listed = Array.from({ length: payload.end - payload.begin }, (_, index) => [
    payload.labels[payload.begin + index - payload.first], arrays.probability[index], arrays.rank[index],
  ]);
  if (payload.end === payload.total && !payload.ended) listed.push([...payload.next, 0]);
  while (rows.children.length > listed.length) rows.lastElementChild.remove();
  listed.forEach((output, index) => fillRow(rows.children[index] || makeRow(), payload.begin + index, output));
}

function told() {
  const written = payload.total - payload.prompt_length;
  const values = {
    tokens: tokens(payload.prompt_length), steps: sayMany('{count} step', '{count} steps', written), reason: payload.ended,
  };
  if (payload.ended) return say('The prompt gave {tokens} at once; {steps} wrote the rest, and there is no further one: {reason}.', values);
  return written ? say('The prompt gave {tokens} at once; {steps} wrote the rest. Press → to take a step.', values)
    : say('The prompt gave {tokens} at once; nothing is written yet. Press → to take a step.', values);
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  arrays = { probability: tokenscope.decode(payload.probability), rank: tokenscope.decode(payload.rank) };
  drawFigure();
  drawRows();
  at('.ts-shown').textContent = payload.shown;
  at('.ts-loop-told').textContent = told();
  element.querySelector('.ts-loop').dataset.drawn = String(payload.total);
}

rows.addEventListener('click', (event) => {
  const row = event.target.closest('[data-cursor]');
  if (row) tokenscope.act('cursor', { position: Number(row.dataset.cursor) });
});

select.addEventListener('change', () => tokenscope.act('window', { window: Number(select.value) }));
tokenscope.onView((view) => { select.value = String(view.window); });
watch('value', draw);
draw();
