// The next-token chart: one real button a token, so that keyboard and screen readers reach every bar.
const { tokenscope } = window;
const { make, say, sayMany } = tokenscope;
const title = element.querySelector('.ts-title');
const list = element.querySelector('.ts-bars');
const foot = element.querySelector('.ts-foot');
let position = null;

function makeRow(name) {
  const row = make(name, 'ts-bar');
  const track = make('span', 'ts-track');
  track.append(make('span', 'ts-raw'), make('span', 'ts-final'), make('span', 'ts-was'));
  row.append(make('code', 'ts-label'), track, make('span', 'ts-note'), make('span', 'ts-number'));
  return row;
}

function fill(row, { label, raw, final, cut, note, filtered, was = null }) {
  const [code, track, remark, number] = row.children;
  code.textContent = label;
  code.title = label;
  track.children[0].style.width = `${raw * 100}%`;
  track.children[1].style.width = `${final * 100}%`;
  track.children[2].hidden = was === null;
  track.children[2].style.width = `${was * 100}%`;
  remark.textContent = note;
  // A long bar would run under its note, so there the note is written into the bar.
  remark.classList.toggle('ts-note-inside', final > 0.6 && !cut);
  // Both numbers where a filter changed something; in a greedy or unfiltered step they are one.
  const both = filtered && !cut && Math.abs(raw - final) > 5e-5 && was === null;
  number.replaceChildren();
  if (both) {
    const before = make('span', 'ts-before');
    before.textContent = `${tokenscope.percent(raw)} → `;
    number.append(before);
  }
  if (was !== null) {
    const before = make('span', 'ts-before');
    before.textContent = `${tokenscope.percent(was)} → `;
    number.append(before);
  }
  number.append(tokenscope.percent(cut || was !== null ? raw : final));
  row.classList.toggle('ts-is-cut', Boolean(cut));
  row.classList.toggle('ts-filtered', filtered);
}

function noteFor(payload, id, cut) {
  const notes = [];
  if (id === payload.chosen) notes.push(say('✓ taken'));
  if (id === payload.choice && id !== payload.chosen) notes.push(payload.choice_name);
  if (cut) notes.push(say('cut by {filter}', { filter: cut }));
  return notes.join(' · ');
}

function drawRow(payload, raw, final, was, index) {
  const row = list.children[index];
  const id = payload.ids[index];
  const cut = payload.cut[index];
  const label = payload.labels[index];
  const note = noteFor(payload, id, cut);
  row.dataset.tokenId = id;
  row.classList.toggle('ts-taken', id === payload.chosen);
  row.classList.toggle('ts-choice', id === payload.choice);
  fill(row, { label, raw: raw[index], final: final[index], cut, note, filtered: payload.filtered, was: was && was[index] });
  const values = { token: label, share: tokenscope.percent(raw[index]), before: was && tokenscope.percent(was[index]), name: payload.before_name };
  const about = was ? say('take {token}, {share}, {before} {name}', values) : say('take {token}, {share}', values);
  row.setAttribute('aria-label', note ? `${about}, ${note}` : about);
}

function drawOther(payload) {
  let row = element.querySelector('.ts-other');
  if (!row) {
    row = makeRow('div');
    row.classList.add('ts-other');
    list.after(row);
  }
  const { count, raw, final } = payload.other;
  row.hidden = count === 0;
  const note = sayMany('{count} token', '{count} tokens', count);
  fill(row, { label: say('other'), raw, final, cut: '', note, filtered: payload.filtered });
}

function draw() {
  const payload = props.value;
  if (!payload) return;
  position = payload.position;
  const raw = tokenscope.decode(payload.raw);
  const final = tokenscope.decode(payload.final);
  const was = payload.before && tokenscope.decode(payload.before);
  title.textContent = payload.title;
  element.querySelector('.ts-next').classList.toggle('ts-two-numbers', payload.filtered || Boolean(was));
  while (list.children.length < payload.ids.length) list.append(makeRow('button'));
  while (list.children.length > payload.ids.length) list.lastElementChild.remove();
  payload.ids.forEach((_, index) => drawRow(payload, raw, final, was, index));
  drawOther(payload);
  const before = was ? `${payload.before_entropy.toFixed(2)} → ` : '';
  const values = { entropy: `${before}${payload.entropy.toFixed(2)}`, most: Math.log(payload.vocabulary).toFixed(2), name: payload.before_name };
  foot.textContent = [
    ...(was ? [say('outline and first number: {name}', values)] : []),
    say('entropy {entropy} nats of {most}', values),
    say('vocabulary {size}', { size: tokenscope.whole(payload.vocabulary) }),
  ].join(' · ');
}

list.addEventListener('click', (event) => {
  const row = event.target.closest('button');
  if (row) tokenscope.act('take', { token: Number(row.dataset.tokenId), position });
});

watch('value', draw);
draw();
