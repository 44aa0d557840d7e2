// "Save a picture" below every tab: each figure as SVG and as PNG, with its legend, and with the model, the text and the
// position that it is about. A file has the page's colours as they are, light or dark, on a ground of its own.
(() => {
  const { tokenscope } = window;
  const { say } = tokenscope;
  const SVG = 'http://www.w3.org/2000/svg';
  const SCALE = 2; // pixels of a PNG to one of the page
  const MOST_PIXELS = 16_000; // of a side of a PNG: browsers make no larger one
  const PAD = 16;
  const GAP = 8; // pixels between a picture and its legend
  const NARROWEST = 420; // pixels, for the title
  const MOST_TEXT = 110; // characters of the text's end
  const LINE = 17;
  const FONTS = { title: '600 15px system-ui, "Segoe UI", "DejaVu Sans", sans-serif', words: '12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif' };
  const measuring = document.createElement('canvas').getContext('2d');

  // --- what a figure is about -----------------------------------------------------------------------------------------------
  function model() {
    const { branches, branch } = tokenscope.view();
    return document.querySelector('#model-picker input')?.value || branches[branch];
  }

  function about(figure) {
    const { cursor, layer, head } = tokenscope.view();
    const tokens = [...document.querySelectorAll('#token-strip [data-position]')];
    const here = tokens.findIndex((node) => Number(node.dataset.position) === cursor);
    const text = tokens.slice(0, here + 1).map((node) => node.textContent).join('');
    const end = text.length > MOST_TEXT ? `…${text.slice(-MOST_TEXT)}` : text;
    const changed = [...document.querySelectorAll('#heads-off .ts-off:not([hidden]) .ts-open')].map((node) => node.textContent);
    const place = say('position {position} of a text of {count} tokens', { position: cursor, count: tokens.length });
    return [
      `${model()}${figure.head ? ` · L${layer} H${head}` : ''} · ${place}`,
      end, ...(changed.length ? [say('changed: {changes}', { changes: changed.join(', ') })] : []),
    ];
  }

  // --- a figure as a drawing ------------------------------------------------------------------------------------------------
  const background = () => tokenscope.colours.variables[tokenscope.theme()].page;

  function wrapped(text, font, width) {
    measuring.font = font;
    const lines = [''];
    for (const letter of text) {
      if (measuring.measureText(lines.at(-1) + letter).width > width) lines.push('');
      lines[lines.length - 1] += letter;
    }
    return lines;
  }

  /** A figure as a drawing that stands alone, with its size in `width` and `height`. */
  async function drawn(figure) {
    const parts = [];
    for (const node of figure.parts) parts.push(await tokenscope.pageDrawing(node));
    const width = Math.ceil(Math.max(NARROWEST, ...parts.map((part) => part.width))) + 2 * PAD;
    const root = tokenscope.svg('svg', { xmlns: SVG, role: 'img', 'aria-label': figure.title });
    tokenscope.svg('title', {}, root, `${figure.title} · ${about(figure).join(' · ')}`);
    const ground = tokenscope.svg('rect', { width, fill: background() }, root);
    const notes = parts.some((part) => part.image) ? [say('The cells are embedded as an image: there are too many for shapes. Names and marks are shapes.')] : [];
    const { ink, quiet } = tokenscope.colours.variables[tokenscope.theme()];
    let top = PAD;
    const write = (text, font, fill) => {
      const [, weight, size, family] = font.match(/^(\d{3})? ?([\d.]+)px (.*)$/);
      for (const line of wrapped(text, font, width - 2 * PAD)) {
        top += LINE;
        tokenscope.svg('text', { x: PAD, y: top - 4, fill, 'font-family': family, 'font-size': size, ...(weight && { 'font-weight': weight }) }, root, line);
      }
    };
    write(figure.title, FONTS.title, ink);
    for (const line of [...about(figure), ...notes]) write(line, FONTS.words, quiet);
    for (const part of parts) {
      top += GAP;
      part.group.setAttribute('transform', `translate(${PAD} ${top})`);
      root.append(part.group);
      top += part.height;
    }
    const height = Math.ceil(top + PAD);
    ground.setAttribute('height', height);
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) root.setAttribute(name, value);
    return root;
  }

  // --- files ----------------------------------------------------------------------------------------------------------------
  const blobOf = (drawing) => new Blob([new XMLSerializer().serializeToString(drawing)], { type: 'image/svg+xml' });

  /** An image by its address, once it can be drawn. */
  tokenscope.loadedImage = (address) => new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error(say('the browser cannot read the drawing')));
    image.src = address;
  });

  async function png(drawing) {
    const address = URL.createObjectURL(blobOf(drawing));
    try {
      const image = await tokenscope.loadedImage(address);
      const [width, height] = ['width', 'height'].map((name) => Number(drawing.getAttribute(name)));
      const scale = Math.min(SCALE, MOST_PIXELS / width, MOST_PIXELS / height);
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [Math.ceil(width * scale), Math.ceil(height * scale)];
      canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
      if (!blob) throw new Error(say('the picture is too large for the browser'));
      return blob;
    } finally {
      URL.revokeObjectURL(address);
    }
  }

  const MAKERS = { svg: async (figure) => blobOf(await drawn(figure)), png: async (figure) => png(await drawn(figure)) };

  /** Model, tab, position and figure, in letters that every system takes. */
  function fileName(figure, ending) {
    const { tab, cursor } = tokenscope.view();
    const words = figure.title.normalize('NFKD').toLowerCase();
    return `${`${model().split('/').at(-1)}-${tab}-${cursor}-${words}`.replace(/[^A-Za-z0-9]+/g, '-').replace(/-$/, '')}.${ending}`;
  }

  // --- the list of a tab ----------------------------------------------------------------------------------------------------
  function list(panel, box) {
    const { make } = tokenscope;
    box.replaceChildren();
    const told = make('p', 'ts-caption', null);
    told.setAttribute('role', 'status');
    for (const figure of tokenscope.figuresOf(panel.id.replace('panel-', ''))) {
      const row = make('div', 'ts-save-row', box);
      make('span', '', row, figure.title);
      for (const kind of ['svg', 'png']) {
        const button = make('button', 'ts-chip', row, kind.toUpperCase());
        button.setAttribute('aria-label', say('save {figure} as {kind}', { figure: figure.title, kind: kind.toUpperCase() }));
        button.addEventListener('click', () => save(figure, kind, told));
      }
    }
    box.append(told);
  }

  async function save(figure, kind, told) {
    const name = fileName(figure, kind);
    told.textContent = say('Making {file}', { file: name });
    try {
      tokenscope.saveFile(name, await MAKERS[kind](figure));
      told.textContent = say('Saved as {file}.', { file: name });
    } catch (error) {
      told.textContent = say('This picture could not be saved: {reason}.', { reason: error.message });
    }
  }

  function offer() {
    for (const panel of document.querySelectorAll('.ts-tab-panel')) {
      if (panel.querySelector(':scope > .ts-save-pictures')) continue;
      const { make } = tokenscope;
      const details = make('details', 'ts-how ts-save-pictures', panel);
      make('summary', '', details, say('Save a picture'));
      const box = make('div', '', details);
      details.addEventListener('toggle', () => { if (details.open) list(panel, box); });
    }
  }

  tokenscope.onView(() => {
    offer();
    // What is listed may be gone with the next answer.
    for (const details of document.querySelectorAll('.ts-save-pictures[open]')) details.open = false;
  });
})();
