// "Save a picture" below every tab: each figure in it as PNG, and as SVG where it is drawn from its numbers.
(() => {
  const { tokenscope } = window;
  const { say } = tokenscope;
  const SVG = 'http://www.w3.org/2000/svg';
  const SCALE = 2; // pixels of a PNG to one of the page
  const SMALLEST = 60; // pixels; what is smaller is a sign, not a figure
  // What an outside program cannot know of a drawing that the page's style sheet paints.
  const STYLES = [
    'display', 'visibility', 'fill', 'fill-opacity', 'stroke', 'stroke-opacity', 'stroke-width', 'stroke-dasharray', 'opacity',
    'font-family', 'font-size', 'font-weight', 'text-anchor', 'dominant-baseline', 'paint-order',
  ];

  const background = () => tokenscope.colours.variables[tokenscope.theme()].page;
  const tagged = (node, name) => [...node.getElementsByTagNameNS(SVG, name)];

  // --- drawings -----------------------------------------------------------------------------------------------------------
  /** A copy of a drawing that needs no style sheet. */
  function standalone(drawing) {
    const copy = drawing.cloneNode(true);
    const [from, to] = [[drawing, ...drawing.querySelectorAll('*')], [copy, ...copy.querySelectorAll('*')]];
    from.forEach((node, index) => {
      const style = getComputedStyle(node);
      for (const name of STYLES) to[index].style.setProperty(name, style.getPropertyValue(name));
    });
    const { width, height } = drawing.getBoundingClientRect();
    return framed(copy, width, height);
  }

  function framed(copy, width, height) {
    copy.setAttribute('xmlns', SVG);
    copy.setAttribute('width', Math.ceil(width));
    copy.setAttribute('height', Math.ceil(height));
    if (!copy.hasAttribute('viewBox')) copy.setAttribute('viewBox', `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`);
    copy.style.background = background();
    return copy;
  }

  const blobOf = (drawing) => new Blob([new XMLSerializer().serializeToString(drawing)], { type: 'image/svg+xml' });

  // --- plotly -------------------------------------------------------------------------------------------------------------
  /** A plotly figure as a drawing. */
  async function plotted(host) {
    const address = await window.Plotly.toImage(host, { format: 'svg', width: host.clientWidth, height: host.clientHeight });
    const text = decodeURIComponent(address.slice(address.indexOf(',') + 1));
    const drawing = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
    for (const raster of tagged(drawing, 'image')) await redraw(raster, host);
    return framed(drawing, host.clientWidth, host.clientHeight);
  }

  // Plotly paints the cells of a map into a raster: here each becomes a rectangle of its own colour.
  async function redraw(raster, host) {
    const image = await loaded(raster.getAttribute('href') || raster.getAttributeNS('http://www.w3.org/1999/xlink', 'href'));
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((name) => Number(raster.getAttribute(name)));
    const [columns, rows] = cellsOf(host, width, height);
    const cells = document.createElementNS(SVG, 'g');
    cells.setAttribute('shape-rendering', 'crispEdges');
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const place = [column + .5, row + .5].map((middle, axis) => Math.floor(middle * (axis ? canvas.height / rows : canvas.width / columns)));
        const at = 4 * (place[1] * canvas.width + place[0]);
        if (data[at + 3]) {
          const size = { x: x + (column * width) / columns, y: y + (row * height) / rows, width: width / columns, height: height / rows };
          tokenscope.svg('rect', { ...size, fill: `rgb(${data[at]},${data[at + 1]},${data[at + 2]})` }, cells);
        }
      }
    }
    raster.replaceWith(cells);
  }

  /** How many columns and rows of cells a raster shows, from the pixels that a cell takes. */
  function cellsOf(host, width, height) {
    const { xaxis, yaxis } = host._fullLayout;
    return [[width, xaxis], [height, yaxis]].map(([pixels, axis]) => Math.max(1, Math.round(pixels / Math.abs(axis.l2p(1) - axis.l2p(0)))));
  }

  // --- files --------------------------------------------------------------------------------------------------------------
  const loaded = (address) => new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error(say('the browser cannot read the drawing')));
    image.src = address;
  });

  async function painted(source, width, height) {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [Math.ceil(width * SCALE), Math.ceil(height * SCALE)];
    const context = canvas.getContext('2d');
    context.fillStyle = background();
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
    if (!blob) throw new Error(say('the picture is too large for the browser'));
    return blob;
  }

  async function png(drawing) {
    const address = URL.createObjectURL(blobOf(drawing));
    try {
      return await painted(await loaded(address), Number(drawing.getAttribute('width')), Number(drawing.getAttribute('height')));
    } finally {
      URL.revokeObjectURL(address);
    }
  }

  const drawn = (figure) => (figure.localName === 'svg' ? standalone(figure) : plotted(figure));
  const MAKERS = {
    svg: async (figure) => blobOf(await drawn(figure)),
    png: async (figure) => (figure.localName === 'canvas' ? painted(figure, figure.clientWidth, figure.clientHeight) : png(await drawn(figure))),
  };

  /** Model, tab and position, in letters that every system takes. */
  function fileName(figure, index, ending) {
    const { tab, cursor } = tokenscope.view();
    const model = document.querySelector('#model-picker input')?.value.split('/').at(-1) ?? '';
    return `${`${model}-${tab}-${cursor}-${index + 1}`.replace(/[^A-Za-z0-9-]+/g, '-')}.${ending}`;
  }

  // --- the list of a tab --------------------------------------------------------------------------------------------------
  function figuresOf(panel) {
    const found = [...panel.querySelectorAll('.ts-figure, svg, canvas')].filter((node) => !node.parentElement.closest('.ts-figure, svg'));
    return found.filter((node) => {
      const { width, height } = node.getBoundingClientRect();
      return width >= SMALLEST && height >= SMALLEST && (!node.matches('.ts-figure') || node.dataset.drawn);
    });
  }

  const titleOf = (figure, index) => figure.closest('[aria-label]:not(section)')?.getAttribute('aria-label').split(/[:;]/)[0]
    || say('picture {number}', { number: index + 1 });

  function list(panel, box) {
    const { make } = tokenscope;
    box.replaceChildren();
    const told = make('p', 'ts-caption', null);
    told.setAttribute('role', 'status');
    figuresOf(panel).forEach((figure, index) => {
      const row = make('div', 'ts-save-row', box);
      make('span', '', row, titleOf(figure, index));
      for (const kind of figure.localName === 'canvas' ? ['png'] : ['svg', 'png']) {
        const button = make('button', 'ts-chip', row, kind.toUpperCase());
        button.setAttribute('aria-label', say('save {picture} as {kind}', { picture: titleOf(figure, index), kind: kind.toUpperCase() }));
        button.addEventListener('click', () => save(figure, index, kind, told));
      }
    });
    if (!box.children.length) told.textContent = say('This tab shows no picture now.');
    box.append(told);
  }

  async function save(figure, index, kind, told) {
    const name = fileName(figure, index, kind);
    told.textContent = say('Making {name}', { name });
    try {
      tokenscope.saveFile(name, await MAKERS[kind](figure));
      told.textContent = say('Saved as {name}.', { name });
    } catch (error) {
      told.textContent = say('This picture could not be saved: {error}.', { error: error.message });
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
