// Parallel streams: one track a token with its own prediction, the used one marked; above them how full the context is.
const { tokenscope } = window;
const { make, say, sayMany } = tokenscope;
const at = (selector) => element.querySelector(selector);
const rows = at('.ts-stream-rows');
const select = at('.ts-window');
const MOST_DOTS = 24; // blocks that are drawn one by one on a track
let payload = null;
let arrays = null;

// --- the context --------------------------------------------------------------------------------------------------------
function drawContext() {
  const { limit, prompt, written, free, at_limit: words } = payload.context;
  const bar = at('.ts-context');
  bar.classList.toggle('ts-full', free === 0);
  bar.setAttribute('aria-label', say('{prompt} tokens of prompt and {written} written of {limit}', { prompt, written, limit }));
  at('.ts-context-prompt').style.width = `${(100 * prompt) / limit}%`;
  at('.ts-context-written').style.width = `${(100 * written) / limit}%`;
  [prompt, written, free, limit].forEach((number, index) => {
    element.querySelectorAll('.ts-context-key b')[index].textContent = tokenscope.whole(number);
  });
  const told = at('.ts-context-told');
  told.classList.toggle('ts-full', free === 0);
  told.textContent = free
    ? sayMany(
      'Room for {count} more token. After that the model has no position for another, and a step answers: “{words}” Nothing is dropped silently.',
      'Room for {count} more tokens. After that the model has no position for another, and a step answers: “{words}” Nothing is dropped silently.',
      free, { words },
    )
    : say('The context is full. {words}', { words });
}

// --- the tracks ---------------------------------------------------------------------------------------------------------
function makeRow() {
  const row = make('button', 'ts-stream', rows);
  row.type = 'button';
  make('span', 'ts-stream-position', row);
  make('span', 'ts-token', make('span', 'ts-stream-in', row));
  make('span', 'ts-stream-line', row);
  make('span', 'ts-stream-out', row);
  const bar = make('span', 'ts-stream-bar', row);
  make('span', 'ts-stream-fill', bar);
  make('span', 'ts-stream-number', bar);
  make('span', 'ts-stream-came', row);
  return row;
}

function verdict(index, position) {
  if (arrays.right[index] === 2) return position === payload.cursor ? say('used: it comes next') : '';
  const came = arrays.right[index] ? '✓' : `✗ ${payload.came[index]}`;
  return position === payload.cursor ? say('{came} · used', { came }) : came;
}

function fillRow(row, index) {
  const position = payload.start + index;
  const [place, token, , out, bar, came] = row.children;
  row.dataset.position = position;
  place.textContent = position;
  token.firstChild.textContent = payload.labels[index];
  token.firstChild.className = `ts-token ${position < payload.prompt_length ? 'ts-prompt' : 'ts-written'}`;
  out.textContent = payload.predicted[index];
  bar.firstChild.style.width = `${(100 * arrays.probability[index]).toFixed(1)}%`;
  bar.lastChild.textContent = tokenscope.percent(arrays.probability[index]);
  came.textContent = verdict(index, position);
  came.classList.toggle('ts-right', arrays.right[index] === 1);
  came.classList.toggle('ts-open', arrays.right[index] === 2);
  row.classList.toggle('ts-first', position === 0);
  row.classList.toggle('ts-here', position === payload.cursor);
  row.classList.toggle('ts-later', position > payload.cursor);
  if (position === payload.cursor) row.setAttribute('aria-current', 'true');
  else row.removeAttribute('aria-current');
}

function drawRows() {
  const count = payload.labels.length;
  while (rows.children.length > count) rows.lastElementChild.remove();
  for (let index = 0; index < count; index += 1) fillRow(rows.children[index] || makeRow(), index);
  rows.style.setProperty('--ts-blocks', Math.min(MOST_DOTS, payload.layers));
}

function hits() {
  const [[inside, prompt], [after, written]] = payload.hits;
  const values = { inside, after, written };
  if (!prompt && !written) return '';
  if (!prompt) return say('{after} of {written} of the tokens after it were the first choice.', values);
  if (!written) {
    return sayMany(
      '{inside} of {count} prediction inside the prompt came true.',
      '{inside} of {count} predictions inside the prompt came true.', prompt, values,
    );
  }
  return sayMany(
    '{inside} of {count} prediction inside the prompt came true; {after} of {written} of the tokens after it were the first choice.',
    '{inside} of {count} predictions inside the prompt came true; {after} of {written} of the tokens after it were the first choice.',
    prompt, values,
  );
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  arrays = { probability: tokenscope.decode(payload.probability), right: tokenscope.decode(payload.right) };
  drawContext();
  drawRows();
  at('.ts-streams-title').textContent = sayMany(
    '{count} track side by side, one of them used', '{count} tracks side by side, one used', payload.cursor + 1,
  );
  at('.ts-through').textContent = sayMany(
    'a vector of {width} numbers, through {count} block', 'a vector of {width} numbers, through {count} blocks',
    payload.layers, { width: tokenscope.whole(payload.width) },
  );
  at('.ts-hits').textContent = hits();
  at('.ts-shown').textContent = payload.shown;
  element.querySelector('.ts-streams').dataset.drawn = String(payload.total);
}

rows.addEventListener('click', (event) => {
  const row = event.target.closest('[data-position]');
  if (row) tokenscope.act('cursor', { position: Number(row.dataset.position) });
});

select.addEventListener('change', () => tokenscope.act('window', { window: Number(select.value) }));
tokenscope.onView((view) => { select.value = String(view.window); });
watch('value', draw);
draw();
