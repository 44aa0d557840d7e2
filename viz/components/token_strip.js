// The token strip: one button a token, reused from answer to answer; only what changed is touched.
const { tokenscope } = window;
const { say } = tokenscope;
const strip = element.querySelector('.ts-tokens');
const heard = element.querySelector('.ts-heard');
const legend = element.querySelector('.ts-legend');
const select = element.querySelector('select');
const note = element.querySelector('.ts-strip-note');
const opener = note.querySelector('button');
const MARKS = /([·↵⇥∅]|⟨U\+[0-9A-F]+⟩|\\x[0-9A-F]{2}|[\u2400-\u241f])/;
const drawn = []; // what each token's elements show now
let payload = null;
let noted = ''; // what the note says
let arrays = null;
let contributed = null; // the latest result of the tab Inputs, where it is asked for and about this text

function makeToken(position) {
  const unit = document.createElement('span');
  const button = document.createElement('button');
  unit.className = 'ts-unit';
  button.type = 'button';
  button.dataset.position = position;
  button.tabIndex = -1;
  unit.append(button);
  strip.append(unit);
  return { unit, button, label: null, classes: null, shade: null, part: null };
}

function write(button, label) {
  button.replaceChildren(...label.split(MARKS).filter(Boolean).map((part) => {
    const piece = document.createElement('span');
    if (MARKS.test(part)) piece.className = 'ts-mark';
    piece.textContent = part;
    return piece;
  }));
}

function classesOf(position, newlines, special, keys) {
  const names = ['ts-token', position < payload.prompt_length ? 'ts-prompt' : 'ts-written'];
  if (special.has(position)) names.push('ts-special');
  if (newlines.has(position)) names.push('ts-newline');
  if (position === payload.cursor) names.push('ts-cursor');
  if (keys.has(position)) names.push('ts-asked');
  return names.join(' ');
}

function shadeOf(position) {
  if (contributed) {
    const score = contributed.score[position] ?? NaN;
    const { colours, theme, mix } = tokenscope;
    return Number.isNaN(score) ? '' : mix(colours.diverging_tint[theme()], 0.5 + score / contributed.top / 2);
  }
  const value = arrays.values ? arrays.values[position] : NaN;
  return Number.isNaN(value) || value === undefined ? '' : tokenscope.tint(value / payload.legend.top);
}

function drawToken(position, newlines, special, keys) {
  const token = (drawn[position] ||= makeToken(position));
  const label = payload.labels[position];
  const classes = classesOf(position, newlines, special, keys);
  const shade = shadeOf(position);
  if (token.label !== label) write(token.button, (token.label = label));
  if (token.classes !== classes) {
    token.button.className = token.classes = classes;
    token.unit.classList.toggle('ts-breaks', newlines.has(position));
    token.button.tabIndex = position === payload.cursor ? 0 : -1;
    if (position === payload.cursor) token.button.setAttribute('aria-current', 'true');
    else token.button.removeAttribute('aria-current');
  }
  if (token.shade !== shade) token.button.style.backgroundColor = token.shade = shade;
  const part = payload.parts?.[position] ?? -1; // of the prompt, where it was put together from parts
  if (token.part !== part) {
    token.part = part;
    token.button.style.borderBottom = part < 0 ? '' : `3px solid var(--ts-part-${part})`;
  }
}

function drawLegend() {
  select.value = payload.shade;
  legend.hidden = !payload.legend && !contributed;
  drawNote();
  if (legend.hidden) return;
  const { title, unit, top, open } = payload.legend
    || { title: say('contribution to {choice}', { choice: choiceOf(contributed) }), unit: say('logits'), top: contributed.top };
  const low = contributed ? `−${top.toFixed(2)}` : '0';
  const high = contributed ? `+${top.toFixed(2)}` : `${Number(top.toFixed(2))}`;
  legend.querySelector('.ts-ramp').style.backgroundImage = tokenscope.gradient(contributed ? 'diverging_tint' : 'tint');
  legend.querySelector('.ts-low').textContent = low;
  legend.querySelector('.ts-high').textContent = (open ? say('{value} or more {unit}', { value: high, unit }) : `${high} ${unit}`).trim();
  legend.title = title;
  legend.setAttribute('aria-label', say('{title}, from {low} to {high} {unit}', { title, low, high: top.toFixed(2), unit }));
}

function choiceOf({ label, rival, position }) {
  const values = { token: label, rival, after: payload.labels[position], position };
  return rival ? say('“{token}” against “{rival}” after “{after}” ({position})', values)
    : say('“{token}” after “{after}” ({position})', values);
}

// Says what the contributions are to, or how to get them.
function drawNote() {
  note.hidden = payload.shade !== 'contribution';
  if (note.hidden) return;
  const absent = tokenscope.contribution.latest()
    ? say('The contributions were to a choice in another text: run them again in the tab {tab}') : say('No contributions yet: run them in the tab {tab}');
  const words = contributed ? say('to {choice}, by {method}', { choice: choiceOf(contributed), method: contributed.name }) : absent;
  if (words === noted) return; // so that the button keeps its focus
  noted = words;
  if (contributed) note.textContent = words;
  else tokenscope.weave(note, words, { tab: opener });
}

function findContributed() {
  const { latest, isAbout } = tokenscope.contribution;
  contributed = payload.shade === 'contribution' && latest() && isAbout(latest(), arrays.ids, payload.state) ? latest() : null;
}

function keepInSight() {
  const button = drawn[payload.cursor]?.button;
  if (!button) return;
  const ROOM = 6; // for the outline
  const top = button.offsetTop;
  if (top - ROOM < strip.scrollTop) strip.scrollTop = top - ROOM;
  else if (top + button.offsetHeight + ROOM > strip.scrollTop + strip.clientHeight) {
    strip.scrollTop = top + button.offsetHeight + ROOM - strip.clientHeight;
  }
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  arrays = Object.fromEntries(['ids', 'surprisal', 'entropy', 'rank', 'values']
    .map((name) => [name, payload[name] && tokenscope.decode(payload[name])]));
  findContributed();
  const newlines = new Set(payload.newlines);
  const special = new Set(payload.special);
  const keys = new Set(payload.keys);
  const focused = strip.contains(document.activeElement);
  while (drawn.length > payload.labels.length) drawn.pop().unit.remove();
  for (let position = 0; position < payload.labels.length; position += 1) drawToken(position, newlines, special, keys);
  drawLegend();
  keepInSight();
  // Read aloud where the cursor came to; a play is not, token by token.
  const there = say('cursor at {token}', { token: describe(payload.cursor).join(', ') });
  if (!tokenscope.isPlaying() && heard.textContent !== there) heard.textContent = there;
  if (focused) drawn[payload.cursor]?.button.focus({ preventScroll: true });
}

function describe(position) {
  const lines = [payload.labels[position], say('position {position} · id {id}', { position, id: arrays.ids[position] })];
  const surprisal = arrays.surprisal[position];
  if (Number.isNaN(surprisal)) lines.push(say('nothing before it, so no prediction'));
  else {
    const [share, rank] = [tokenscope.percent(Math.exp(-surprisal)), arrays.rank[position] + 1];
    lines.push(say('probability {share} · rank {rank}', { share, rank }));
    lines.push(say('surprisal {surprisal} nats · entropy {entropy} nats', {
      surprisal: surprisal.toFixed(2), entropy: arrays.entropy[position].toFixed(2),
    }));
  }
  if (payload.shade === 'attention' && arrays.values && !Number.isNaN(arrays.values[position])) {
    lines.push(say('attention {share}', { share: tokenscope.percent(arrays.values[position]) }));
  }
  if (contributed && !Number.isNaN(contributed.score[position] ?? NaN)) {
    const score = contributed.score[position];
    lines.push(say('contributed {value} logits', { value: `${score < 0 ? '−' : '+'}${Math.abs(score).toFixed(4)}` }));
  }
  lines.push(position < payload.prompt_length ? say('prompt') : say('written by the model or taken by you'));
  return lines;
}

const positionOf = (target) => target.closest?.('[data-position]')?.dataset.position;

strip.addEventListener('click', (event) => {
  const position = positionOf(event.target);
  // With Shift: is this a token that "which head looks at this?" asks about.
  if (position !== undefined) tokenscope.act(event.shiftKey ? 'key' : 'cursor', { position: Number(position) });
});

// Left and Right step everywhere on the page, so inside the strip Up and Down walk, Home and End jump.
strip.addEventListener('keydown', (event) => {
  const last = payload.labels.length - 1;
  if ((event.key === 'k' || event.key === 'K') && !event.ctrlKey && !event.metaKey) {
    tokenscope.act('key', { position: payload.cursor });
    return;
  }
  const moves = { ArrowUp: payload.cursor - 1, ArrowDown: payload.cursor + 1, Home: 0, End: last };
  if (!(event.key in moves)) return;
  event.preventDefault();
  tokenscope.act('cursor', { position: Math.min(last, Math.max(0, moves[event.key])) });
});

strip.addEventListener('mousemove', (event) => {
  const position = positionOf(event.target);
  if (position === undefined) tokenscope.hideTip();
  else tokenscope.showTip(event.clientX, event.clientY, describe(Number(position)));
});
strip.addEventListener('mouseleave', tokenscope.hideTip);

select.addEventListener('change', () => tokenscope.act('shade', { shade: select.value }));
opener.addEventListener('click', () => tokenscope.act('open_tab', { tab: 'inputs' }));
tokenscope.contribution.onChange(() => { if (payload?.shade === 'contribution') draw(); });
tokenscope.onTheme(draw);
watch('value', draw);
draw();
