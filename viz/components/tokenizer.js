// The tokenizer: the text token by token, the same text cut in other ways, messages as received, the vocabulary.
const { tokenscope } = window;
const { make, say, sayMany, later } = tokenscope;
const find = (selector) => element.querySelector(selector);
const PAGE = 20;
const forms = { cut: find('.ts-cut-form'), search: find('.ts-search-form') };
let payload = null;
let cut = null; // what was asked for; null for the present text
let shown = null; // the message that the two columns show
let page = null;
let sought = { text: '', match: 'contains', kind: '', begin: 0 };

// Rows are kept and filled again, so that focus and scroll position outlive an answer.
function fill(body, count, columns, fillRow) {
  while (body.rows.length > count) body.lastElementChild.remove();
  while (body.rows.length < count) {
    const row = make('tr', '', body);
    columns.forEach((className) => make('td', className, row));
  }
  [...body.rows].forEach((row, index) => fillRow(row, index));
}

const write = (node, text) => { if (node.textContent !== String(text)) node.textContent = text; };

function buttonIn(cell, label, data, name) {
  const button = cell.firstElementChild || make('button', 'ts-entry', cell);
  button.type = 'button';
  write(button, label);
  Object.assign(button.dataset, data);
  button.setAttribute('aria-label', name);
  return button;
}

const entryIn = (cell, token, id) => buttonIn(cell, token, { entry: id }, say('{token}, id {id}: show its embedding', { token, id }));

// --- the text ----------------------------------------------------------------------------------------------------------
function drawTable() {
  const { table } = payload;
  const bold = table.start + table.ids.length > table.prompt;
  const [, specialName] = payload.facts.kinds.find(([kind]) => kind === 'special') || [];
  find('.ts-text-shown').textContent = bold ? say('{shown}; what was written is bold', { shown: table.shown }) : table.shown;
  fill(find('.ts-text-table tbody'), table.ids.length, ['ts-number', 'ts-number', '', 'ts-hex', 'ts-kind'], (row, index) => {
    const position = table.start + index;
    const here = position === table.cursor;
    row.classList.toggle('ts-here', here);
    row.classList.toggle('ts-written-row', position >= table.prompt);
    row.classList.toggle('ts-special-row', table.kinds[index] === specialName);
    write(row.cells[0], position);
    write(row.cells[1], table.ids[index]);
    const token = { token: table.labels[index], position, id: table.ids[index] };
    const button = buttonIn(row.cells[2], token.token, { position }, say('{token}, position {position}, id {id}', token));
    if (here) button.setAttribute('aria-current', 'true');
    else button.removeAttribute('aria-current');
    write(row.cells[3], table.hex[index]);
    write(row.cells[4], table.kinds[index]);
  });
}

// --- other cuts --------------------------------------------------------------------------------------------------------
function drawPieces(host, row) {
  const { labels, ids, special } = row;
  while (host.children.length > labels.length) host.lastElementChild.remove();
  while (host.children.length < labels.length) make('span', '', host);
  const marked = new Set(special);
  labels.forEach((label, index) => {
    const piece = host.children[index];
    piece.className = `ts-piece${marked.has(index) ? ' ts-special' : ''}`;
    write(piece, label);
    piece.title = ids.length ? say('id {id}', { id: ids[index] }) : '';
  });
  const more = row.count - labels.length;
  if (more > 0) make('span', 'ts-piece ts-more-pieces', host, sayMany('… and {count} more', '… and {count} more', more));
}

function rateOf({ unit, lossless, per_word: rate }) {
  if (unit === 'word') return '';
  const number = rate?.toFixed(2);
  if (lossless) return rate === null ? '' : say('{number} a word', { number });
  return rate === null ? say('not all of the text comes back') : say('{number} a word; not all of the text comes back', { number });
}

function drawCuts() {
  const answer = cut || payload.cut;
  const stale = cut && !cut.typed && cut.of !== payload.cut.of;
  const of = answer.typed ? say('the text that was typed') : say('the present text, special tokens left out');
  find('.ts-cut-of').textContent = stale ? say('an earlier text: cut again for the present one') : of;
  find('.ts-cuts').classList.toggle('ts-stale', Boolean(stale));
  find('.ts-cut-present').hidden = !cut;
  if (!find('.ts-cut-name').value && document.activeElement !== find('.ts-cut-name')) find('.ts-cut-name').value = answer.name;
  const host = find('.ts-cuts');
  while (host.children.length > answer.rows.length) host.lastElementChild.remove();
  while (host.children.length < answer.rows.length) {
    const block = make('div', 'ts-cut', host);
    const title = make('p', 'ts-cut-title', block);
    for (const name of ['ts-cut-name-shown', 'ts-number', 'ts-per-word']) make('span', name, title);
    make('div', 'ts-pieces', block);
  }
  answer.rows.forEach((row, index) => {
    const [title, pieces] = host.children[index].children;
    host.children[index].dataset.unit = row.unit;
    title.children[0].textContent = row.title;
    title.children[1].textContent = tokenscope.whole(row.count);
    title.children[2].textContent = rateOf(row);
    drawPieces(pieces, row);
  });
  find('.ts-lacking').hidden = Boolean(cut) || !answer.lacking;
  write(find('.ts-lacking'), answer.lacking || '');
}

// --- messages ----------------------------------------------------------------------------------------------------------
const SENT = {
  raw: later('The present text began with it, raw.'),
  chat: later('The present text began with it, in the template.'),
  '': later('The present text began with neither of the two.'),
};

function drawForms() {
  find('.ts-form-of').textContent = shown.text ? `“${shown.text.length > 80 ? `${shown.text.slice(0, 79)}…` : shown.text}”` : say('an empty one');
  find('.ts-sent').textContent = shown === payload.forms ? say(SENT[shown.sent]) : say('This is what the prompt box holds; it has not been sent yet.');
  for (const name of ['raw', 'chat']) {
    const column = element.querySelector(`[data-form="${name}"]`);
    const form = shown[name];
    for (const part of ['.ts-written', '.ts-pieces', '.ts-form-count', '[data-start]']) column.querySelector(part).hidden = !form;
    if (!form) continue;
    column.querySelector('.ts-form-count').textContent = sayMany('{count} token', '{count} tokens', form.count);
    column.querySelector('.ts-written').textContent = form.written;
    drawPieces(column.querySelector('.ts-pieces'), form);
  }
  const none = find('.ts-no-template');
  none.hidden = Boolean(shown.chat);
  none.textContent = shown.chat ? '' : say('This model has no chat template: every message is sent raw.');
}

function drawSpecial() {
  const { ids, labels, roles, more } = payload.special;
  fill(find('.ts-special-table tbody'), ids.length, ['ts-number', '', ''], (row, index) => {
    write(row.cells[0], ids[index]);
    entryIn(row.cells[1], labels[index], ids[index]);
    write(row.cells[2], roles[index]);
  });
  find('.ts-special-table').hidden = !ids.length;
  const others = sayMany(
    '{count} more; the search below finds them by their kind.', '{count} more; the search below finds them by their kind.', more,
  );
  find('.ts-special-more').textContent = ids.length ? (more ? others : '') : say('This tokenizer has none.');
}

// --- the vocabulary ----------------------------------------------------------------------------------------------------
function drawKinds() {
  const { size, known, kinds } = payload.facts;
  const counts = { size: tokenscope.whole(size), count: tokenscope.whole(size - known) };
  find('.ts-vocabulary-size').textContent = size > known
    ? say('{size} ids, {count} of which the tokenizer does not use', counts) : say('{size} ids', counts);
  const select = find('.ts-search-kind');
  const options = [['', say('every kind ({size})', counts)], ...kinds.map(([kind, name, count]) => [kind, `${name} (${tokenscope.whole(count)})`])];
  while (select.options.length > options.length) select.remove(select.options.length - 1);
  options.forEach(([value, text], index) => {
    const option = select.options[index] || make('option', '', select);
    Object.assign(option, { value, text });
  });
}

function drawPage() {
  const { ids, labels, hex, lengths, kinds, total, begin } = page;
  find('.ts-found').textContent = ids.length
    ? say('{first} to {last} of {total}', {
      first: tokenscope.whole(begin + 1), last: tokenscope.whole(begin + ids.length), total: tokenscope.whole(total),
    })
    : say('No token fits. Try less of the word, or every kind.');
  element.querySelector('[data-page="-1"]').disabled = begin === 0;
  element.querySelector('[data-page="1"]').disabled = begin + ids.length >= total;
  fill(find('.ts-vocabulary-table tbody'), ids.length, ['ts-number', '', 'ts-hex', 'ts-number', 'ts-kind'], (row, index) => {
    write(row.cells[0], ids[index]);
    entryIn(row.cells[1], labels[index], ids[index]);
    write(row.cells[2], hex[index]);
    write(row.cells[3], lengths[index]);
    write(row.cells[4], kinds[index]);
  });
}

const askers = {};

function ask(what, detail) {
  askers[what] ??= tokenscope.beside(element.querySelector(`[data-ask="${what}"]`));
  askers[what]('scan', { what: 'tokenizer', ask: what, ...detail });
}

function search(changes) {
  sought = { ...sought, ...changes };
  ask('search', sought);
}

function receive(answer) {
  if (answer.ask === 'cut') cut = answer;
  if (answer.ask === 'forms') shown = answer.forms;
  if (answer.ask === 'search') page = answer.page;
}

function adopt(fresh) {
  const other = payload?.model.join() !== fresh.model.join();
  const begun = payload?.forms.text !== fresh.forms.text || payload?.forms.sent !== fresh.forms.sent;
  payload = fresh;
  if (other) {
    [cut, sought] = [null, { text: '', match: 'contains', kind: '', begin: 0 }];
    for (const input of element.querySelectorAll('input')) input.value = '';
    find('.ts-search-match').value = 'contains';
  }
  if (other || !page) page = fresh.page;
  if (other || begun || !shown) shown = fresh.forms;
  find('#tokenizer-names').replaceChildren(...fresh.offers.map((name) => Object.assign(document.createElement('option'), { value: name })));
}

function draw() {
  if (!props.value) return;
  if (props.value.scan) receive(props.value.scan);
  else adopt(props.value);
  if (!payload) return;
  drawTable();
  drawCuts();
  drawForms();
  drawSpecial();
  drawKinds();
  drawPage();
}

// Puts the message into the prompt box, as if it had been typed there, and starts.
function begin(mode) {
  const [box, choice] = [document.querySelector('#prompt textarea'), document.querySelector(`#mode input[value="${mode}"]`)];
  if (box.value !== shown.text) {
    box.value = shown.text;
    box.dispatchEvent(new Event('input', { bubbles: true }));
  }
  if (!choice.checked) choice.click();
  setTimeout(() => tokenscope.act('start'), 50); // gradio takes the two in first
}

element.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  const row = event.target.closest('tbody tr');
  const data = button?.dataset.position || button?.dataset.entry ? button.dataset : row?.querySelector('button')?.dataset;
  if (button?.dataset.start) begin(button.dataset.start);
  else if (button?.dataset.page) search({ begin: Math.max(0, page.begin + PAGE * Number(button.dataset.page)) });
  else if (button?.matches('.ts-from-box')) ask('forms', { text: document.querySelector('#prompt textarea').value });
  else if (button?.matches('.ts-cut-present')) {
    cut = null;
    find('.ts-cut-text').value = '';
    find('.ts-cut-name').value = '';
    drawCuts();
  } else if (data?.position) tokenscope.act('cursor', { position: Number(data.position) });
  else if (data?.entry) tokenscope.act('entry', { token: Number(data.entry) });
});
forms.cut.addEventListener('submit', (event) => {
  event.preventDefault();
  ask('cut', { text: find('.ts-cut-text').value, model: find('.ts-cut-name').value });
});
forms.search.addEventListener('submit', (event) => {
  event.preventDefault();
  const id = find('.ts-search-id').value;
  if (document.activeElement === find('.ts-search-id') && id !== '') {
    find('.ts-search-text').value = find('.ts-search-kind').value = '';
    search({ text: '', kind: '', begin: Number(id) });
  } else search({ text: find('.ts-search-text').value.replaceAll('·', ' '), match: find('.ts-search-match').value, kind: find('.ts-search-kind').value, begin: 0 });
});
for (const select of element.querySelectorAll('.ts-search-form select')) select.addEventListener('change', () => forms.search.requestSubmit());
watch('value', draw);
draw();
