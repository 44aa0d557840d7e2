// The popover "Share": a link to the view, the view as a file, and downloads. All are made for the view as it is when
// they are asked for.
const { tokenscope } = window;
const { make, say } = tokenscope;
const find = (name) => element.querySelector(`.ts-share-${name}`);
const [button, panel, copy, why, told, list, chosen] = ['open', 'panel', 'copy', 'why', 'told', 'downloads', 'file'].map(find);
const field = element.querySelector('#share-link');
let current = null; // the text of the view that the popover shows
let asked = 0; // counts the questions for a link, of which only the last one's answer is drawn

// --- what is sent ---------------------------------------------------------------------------------------------------------
/** Shows a view that came from elsewhere, once its model is there. */
tokenscope.arrive = ({ name, precision, detail }) => tokenscope.loadModel({ name, precision, then: ['revisit', detail] });

const page = () => ({
  view: tokenscope.view(),
  prompt: document.querySelector('#prompt textarea')?.value ?? '',
  mode: document.querySelector('#mode input:checked')?.value ?? 'raw',
});

function tell(words, failed = false) {
  told.textContent = words;
  told.classList.toggle('ts-failed', failed);
}

/** Asks the server; what it refuses is told below the list, and null comes back. */
async function ask(name, detail) {
  try {
    const answer = await server[name](detail);
    if (!answer.error) return answer;
    tell(answer.error, true);
  } catch {
    tell(say('The server did not answer. Your text is kept on this page: try again.'), true);
  }
  return null;
}

// --- the link -------------------------------------------------------------------------------------------------------------
function addressOf(text) {
  const address = new URL(location.href);
  address.searchParams.set('view', text);
  return address.href;
}

async function draw() {
  asked += 1;
  const mine = asked;
  const answer = await ask('link', page());
  if (mine !== asked) return;
  current = answer;
  drawSizes(answer?.sizes ?? {});
  const link = answer ? addressOf(answer.text) : '';
  const fits = Boolean(link) && link.length <= props.value.most;
  field.value = fits ? link : '';
  field.placeholder = answer ? say('too long for a link') : say('no link');
  field.disabled = copy.disabled = !fits;
  copy.textContent = say('Copy');
  find('save').disabled = !answer;
  const sizes = { length: tokenscope.whole(link.length), most: tokenscope.whole(props.value.most) };
  why.textContent = !answer || fits ? '' : say(
    'A link to this view would have {length} characters; many programs cut links off after {most}. Save the view as a file, and open that instead.',
    sizes,
  );
}

async function copied() {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch { // not every address may write to the clipboard; the older way needs only the selection
    if (!document.execCommand('copy')) return tell(say('The browser does not let this page copy: press Ctrl+C.'), true);
  }
  copy.textContent = say('Copied');
  return tell(say('The link is copied.'));
}

// --- files ----------------------------------------------------------------------------------------------------------------
let stopping = false; // whether the file that is being made is not wanted any more

async function download(entry) {
  if (entry.refused) return tell(entry.refused, true);
  stopping = false;
  busy(true);
  tell(say('Making {title}', { title: entry.title }));
  try {
    const file = entry.make ? await entry.make() : await tokenscope.makeFile(entry.name, { ...making, large: props.value.large });
    if (file) tokenscope.saveFile(file.name, file.blob);
    if (file) tell(say('Saved as {file}.', { file: file.name }));
    else if (stopping) tell(say('No file was saved.'));
  } catch (error) {
    tell(say('This could not be made: {reason}', { reason: error.message }), true);
  }
  return busy(false);
}

function busy(now) {
  for (const row of list.querySelectorAll('.ts-share-entry')) row.disabled = now;
  find('cancel').hidden = find('meter').hidden = !now;
  find('meter').removeAttribute('value');
  find('take').hidden = true;
}

const making = {
  ask,
  stopped: () => stopping,
  told(words, fraction) {
    tell(words);
    if (fraction) find('meter').value = fraction;
  },
  /** Asks whether a large file is wanted after all. */
  confirm: (words) => new Promise((resolve) => {
    tell(words);
    find('meter').hidden = true;
    find('take').hidden = false;
    find('take').focus();
    find('take').onclick = () => resolve(true);
    find('cancel').addEventListener('click', () => resolve(false), { once: true });
  }),
};
find('cancel').addEventListener('click', () => { stopping = true; });

/** Opens the view of a file, as it was chosen or dropped. */
async function load(file) {
  tell(say('Opening {file}', { file: file.name }));
  const large = file.size > props.value.most_file;
  const answer = large ? null : await ask('unpack', { text: await file.text() });
  if (large) tell(say('{file} is too large for a saved view.', { file: file.name }), true);
  if (!answer) return open({ keep: true }); // what is wrong stands there
  close();
  return tokenscope.arrive(answer);
}

function drawDownloads() {
  const made = props.value.downloads.map(([name, title, what]) => ({ name, title, what }));
  list.replaceChildren(...[...made, ...tokenscope.downloads].map((entry) => {
    const row = make('button', 'ts-share-entry');
    row.dataset.name = entry.name ?? '';
    make('b', '', row, entry.title);
    make('span', '', row, entry.what);
    make('span', 'ts-share-size', row);
    row.addEventListener('click', () => download({ ...entry, refused: row.dataset.refused }));
    return row;
  }));
}

/** Says before how large a file will be, where it may be large. */
function drawSizes(sizes) {
  for (const [name, [words, refused]] of Object.entries(sizes)) {
    const row = list.querySelector(`[data-name="${name}"]`);
    row.querySelector('.ts-share-size').textContent = words;
    row.classList.toggle('ts-refused', refused);
    if (refused) row.dataset.refused = words;
    else delete row.dataset.refused;
  }
}

// --- opening and closing --------------------------------------------------------------------------------------------------
function open({ keep = false } = {}) {
  panel.hidden = false;
  button.setAttribute('aria-expanded', 'true');
  if (!keep) tell('');
  field.value = why.textContent = '';
  drawDownloads();
  draw();
  field.focus();
}

function close() {
  panel.hidden = true;
  button.setAttribute('aria-expanded', 'false');
}

button.addEventListener('click', () => (panel.hidden ? open() : close()));
copy.addEventListener('click', copied);
find('save').addEventListener('click', () => {
  tokenscope.saveFile(current.name, new Blob([current.text], { type: 'text/plain' }));
  tell(say('Saved as {file}.', { file: current.name }));
});
find('load').addEventListener('click', () => chosen.click());
chosen.addEventListener('change', () => {
  if (chosen.files[0]) load(chosen.files[0]);
  chosen.value = ''; // so that the same file can be chosen again
});
// A file that is dropped anywhere on the page; other things that are dragged are none of ours.
const dragged = (event) => event.dataTransfer?.types.includes('Files');
document.addEventListener('dragover', (event) => {
  if (dragged(event)) event.preventDefault();
});
document.addEventListener('drop', (event) => {
  if (!dragged(event)) return;
  event.preventDefault();
  load(event.dataTransfer.files[0]);
});
element.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || panel.hidden) return;
  event.preventDefault();
  close();
  button.focus();
});
document.addEventListener('click', (event) => {
  if (!panel.hidden && !element.contains(event.target)) close();
});
// What is shown has changed: so has its link.
tokenscope.onView(() => { if (!panel.hidden) draw(); });
