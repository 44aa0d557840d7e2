// A drawing of a part of the page: its texts, bars and swatches where the browser has laid them out, and the pictures
// among them as shapes. So a file holds the legend and the names that stand around a picture, too.
(() => {
  const { tokenscope } = window;
  const SVG = 'http://www.w3.org/2000/svg';
  // Controls and explanations are no part of a figure.
  const LEFT_OUT = 'select, input, textarea, progress, script, style, iframe, .ts-chip, .ts-ask, .ts-stepper button, .ts-how, .ts-card-remove, label:has(select, input, textarea), [hidden]';
  // What an outside program cannot know of a drawing that the page's style sheet paints.
  const STYLES = [
    'display', 'visibility', 'fill', 'fill-opacity', 'stroke', 'stroke-opacity', 'stroke-width', 'stroke-dasharray', 'opacity',
    'font-family', 'font-size', 'font-weight', 'text-anchor', 'dominant-baseline', 'paint-order', 'vector-effect', 'stroke-linecap', 'stroke-linejoin',
  ];
  const SIDES = ['top', 'right', 'bottom', 'left'];
  const probe = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const known = new Map();
  let gradients = 0; // names each one of this page's files

  /** Any colour of the page as one that every program reads, with its opacity from 0 to 1. */
  function plain(colour) {
    if (!known.has(colour)) {
      probe.clearRect(0, 0, 1, 1);
      probe.fillStyle = colour;
      probe.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = probe.getImageData(0, 0, 1, 1).data;
      known.set(colour, [`rgb(${red},${green},${blue})`, alpha / 255]);
    }
    return known.get(colour);
  }

  // --- drawings and figures -------------------------------------------------------------------------------------------------
  /** A copy of a drawing that needs no style sheet. */
  function standalone(drawing) {
    const copy = drawing.cloneNode(true);
    const [from, to] = [[drawing, ...drawing.querySelectorAll('*')], [copy, ...copy.querySelectorAll('*')]];
    from.forEach((node, index) => {
      const style = getComputedStyle(node);
      const target = to[index];
      for (const name of STYLES) target.style.setProperty(name, style.getPropertyValue(name));
      for (const name of ['fill', 'stroke']) {
        const value = style.getPropertyValue(name);
        if (!value.includes('(') || value.startsWith('url')) continue;
        const [colour, alpha] = plain(value);
        target.style.setProperty(name, colour);
        target.style.setProperty(`${name}-opacity`, alpha * Number(style.getPropertyValue(`${name}-opacity`)));
      }
      if (index && style.transform !== 'none') target.setAttribute('transform', style.transform);
      target.style.removeProperty('transform');
    });
    return copy;
  }

  /** A plotly figure as a drawing, and whether an image is in it. */
  async function plotted(host) {
    const address = await host.plotly.toImage(host, { format: 'svg', width: host.clientWidth, height: host.clientHeight });
    const drawing = new DOMParser().parseFromString(decodeURIComponent(address.slice(address.indexOf(',') + 1)), 'image/svg+xml').documentElement;
    const rasters = [...drawing.getElementsByTagNameNS(SVG, 'image')];
    const embedded = await Promise.all(rasters.map((raster) => redraw(raster, host)));
    return { drawing, image: embedded.some(Boolean) };
  }

  // Plotly paints the cells of a map into a raster: here each becomes a rectangle of its own colour, unless they are too
  // many; then the answer is true.
  async function redraw(raster, host) {
    const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((name) => Number(raster.getAttribute(name)));
    const { xaxis, yaxis } = host._fullLayout;
    const count = (pixels, axis) => Math.max(1, Math.round(pixels / Math.abs(axis.l2p(1) - axis.l2p(0))));
    const [columns, rows] = [count(width, xaxis), count(height, yaxis)];
    if (columns * rows > tokenscope.mostShapes) return true;
    const image = await tokenscope.loadedImage(raster.getAttribute('href') || raster.getAttributeNS('http://www.w3.org/1999/xlink', 'href'));
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const cells = tokenscope.svg('g', { 'shape-rendering': 'crispEdges' });
    for (let cell = 0; cell < rows * columns; cell += 1) {
      const [row, column] = [Math.floor(cell / columns), cell % columns];
      const place = Math.floor((row + .5) * (canvas.height / rows)) * canvas.width + Math.floor((column + .5) * (canvas.width / columns));
      const [red, green, blue, alpha] = data.subarray(4 * place, 4 * place + 4);
      const size = { width: width / columns, height: height / rows };
      if (alpha) tokenscope.svg('rect', { x: x + column * size.width, y: y + row * size.height, ...size, fill: `rgb(${red},${green},${blue})` }, cells);
    }
    raster.replaceWith(cells);
    return false;
  }

  // --- what the browser has laid out ----------------------------------------------------------------------------------------
  class PageDrawing {
    constructor(origin) {
      Object.assign(this, { origin, group: tokenscope.svg('g', {}), width: 0, height: 0, image: false });
    }

    /** A box of the page in the drawing's own place; the drawing grows with it. */
    placed(box, shift) {
      const at = { x: box.left - this.origin.left + shift.x, y: box.top - this.origin.top + shift.y, width: box.width, height: box.height };
      this.width = Math.max(this.width, at.x + at.width);
      this.height = Math.max(this.height, at.y + at.height);
      return at;
    }

    add(name, attributes, text) { return tokenscope.svg(name, attributes, this.group, text); }

    nested(node, at, viewBox) {
      node.setAttribute('xmlns', SVG);
      for (const [name, value] of Object.entries({ ...at, viewBox, overflow: 'visible' })) if (value) node.setAttribute(name, value);
      node.style.removeProperty('background');
      this.group.append(node);
    }

    async walk(node, shift, clip, opacity) {
      if (node.nodeType === Node.TEXT_NODE) this.text(node, shift, clip, opacity);
      if (node.nodeType !== Node.ELEMENT_NODE || node.matches(LEFT_OUT)) return;
      const style = getComputedStyle(node);
      const box = node.getBoundingClientRect();
      if (style.display === 'none' || style.visibility === 'hidden' || Number(style.opacity) === 0) return;
      if (style.position === 'sticky') shift = this.outer ?? shift; // it stays where it is while the rest scrolls
      const seen = opacity * Number(style.opacity);
      this.ground(style, box, shift, clip, seen);
      if (node.localName === 'svg') return this.drawing(node, box, shift);
      if (node.localName === 'canvas') return this.canvas(node, box, shift);
      if (node.matches('.js-plotly-plot')) return this.figure(node, box, shift);
      this.pseudo(node, box, shift, seen);
      const scrolls = /auto|scroll/.test(style.overflowX + style.overflowY);
      const before = this.outer;
      if (scrolls) this.outer = shift;
      const inner = scrolls ? { x: shift.x + node.scrollLeft, y: shift.y + node.scrollTop } : shift;
      const cut = scrolls ? null : /hidden|clip/.test(style.overflowX) ? box : clip;
      for (const child of node.childNodes) await this.walk(child, inner, cut, seen);
      this.outer = before;
    }

    drawing(node, box, shift) {
      const viewBox = node.getAttribute('viewBox') || `0 0 ${box.width} ${box.height}`;
      this.nested(standalone(node), this.placed(box, shift), viewBox);
    }

    canvas(node, box, shift) {
      const { node: drawn, width, height, image, cells } = tokenscope.canvasDrawing(node);
      // What is one pixel a cell fills the box; of what scrolls a file may show more.
      const size = cells ? box : { left: box.left, top: box.top, width, height };
      const nested = tokenscope.svg('svg', { preserveAspectRatio: 'none', 'shape-rendering': 'crispEdges' });
      nested.append(drawn);
      this.nested(nested, this.placed(size, shift), `0 0 ${width} ${height}`);
      this.image ||= image;
    }

    async figure(node, box, shift) {
      const { drawing, image } = await plotted(node);
      this.nested(drawing, this.placed(box, shift), `0 0 ${node.clientWidth} ${node.clientHeight}`);
      this.image ||= image;
    }

    // Background, frame and edges of an element.
    ground(style, box, shift, clip, opacity) {
      const area = clip ? inside(box, clip) : box;
      if (area.width <= 0 || area.height <= 0) return;
      const [fill, alpha] = plain(style.backgroundColor);
      const radius = parseFloat(style.borderTopLeftRadius) || 0;
      const gradient = style.backgroundImage.startsWith('linear-gradient') ? this.gradient(style.backgroundImage) : '';
      const round = radius && { rx: radius };
      if (alpha) this.add('rect', { ...this.placed(area, shift), fill, ...(alpha * opacity < 1 && { 'fill-opacity': alpha * opacity }), ...round });
      if (gradient) this.add('rect', { ...this.placed(painted(style, area), shift), fill: gradient, ...round });
      const inset = style.boxShadow.match(/^(.*?) 0px 0px 0px ([\d.]+)px inset$/);
      if (inset) this.frame(area, shift, inset[1], Number(inset[2]), radius);
      const edges = SIDES.map((side) => [side, style.getPropertyValue(`border-${side}-style`) === 'none' ? 0 : parseFloat(style.getPropertyValue(`border-${side}-width`)), style.getPropertyValue(`border-${side}-color`)]);
      if (edges.every(([, width, colour]) => width && colour === edges[0][2])) this.frame(area, shift, edges[0][2], edges[0][1], radius);
      else for (const [side, width, colour] of edges) if (width) this.edge(area, shift, side, width, colour);
    }

    frame(box, shift, colour, width, radius) {
      const [stroke, alpha] = plain(colour);
      const at = this.placed(box, shift);
      const half = width / 2;
      if (alpha) this.add('rect', { x: at.x + half, y: at.y + half, width: Math.max(0, at.width - width), height: Math.max(0, at.height - width), fill: 'none', stroke, 'stroke-opacity': alpha, 'stroke-width': width, rx: radius });
    }

    edge(box, shift, side, width, colour) {
      const [stroke, alpha] = plain(colour);
      if (!alpha) return;
      const { x, y, width: wide, height: high } = this.placed(box, shift);
      const ends = { top: [x, y, x + wide, y], bottom: [x, y + high, x + wide, y + high], left: [x, y, x, y + high], right: [x + wide, y, x + wide, y + high] }[side];
      this.add('line', { x1: ends[0], y1: ends[1], x2: ends[2], y2: ends[3], stroke, 'stroke-opacity': alpha, 'stroke-width': width });
    }

    gradient(image) {
      const stops = image.match(/(?:rgba?|color|oklch|oklab)\([^)]*\)/g) ?? [];
      const id = `ramp-${gradients += 1}`;
      const made = this.add('linearGradient', { id });
      stops.forEach((stop, index) => {
        const [colour, alpha] = plain(stop);
        tokenscope.svg('stop', { offset: index / Math.max(1, stops.length - 1), 'stop-color': colour, 'stop-opacity': alpha }, made);
      });
      return `url(#${id})`;
    }

    // Swatches and edges that a style sheet puts before or after an element; its words are left to the page.
    pseudo(node, box, shift, opacity) {
      for (const name of ['::before', '::after']) {
        const style = getComputedStyle(node, name);
        const [width, height] = [parseFloat(style.width), parseFloat(style.height)];
        if (style.content !== '""' || style.display === 'none' || Number.isNaN(width + height)) continue;
        const own = getComputedStyle(node);
        const [left, top] = style.position === 'absolute'
          ? [parseFloat(own.borderLeftWidth) + parseFloat(style.left), parseFloat(own.borderTopWidth) + parseFloat(style.top)]
          : [parseFloat(own.paddingLeft), (box.height - height) / 2];
        const edges = SIDES.map((side) => parseFloat(style.getPropertyValue(`border-${side}-width`)));
        const boxed = style.boxSizing === 'border-box' ? 0 : 1;
        const size = { width: width + boxed * (edges[1] + edges[3]), height: height + boxed * (edges[0] + edges[2]) };
        this.ground(style, { left: box.left + left, top: box.top + top, right: box.left + left + size.width, bottom: box.top + top + size.height, ...size }, shift, null, opacity);
      }
    }

    text(node, shift, clip, opacity) {
      if (!node.data.trim()) return;
      const style = getComputedStyle(node.parentElement);
      probe.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
      for (const line of linesOf(node)) this.line(line, style, shift, clip, opacity);
    }

    line({ words, box }, style, shift, clip, opacity) {
      let text = style.textTransform === 'uppercase' ? words.toUpperCase() : words;
      if (clip && (box.top >= clip.bottom || box.left >= clip.right)) return;
      const room = clip ? clip.right - box.left + 1 : Infinity;
      if (box.width > room) {
        while (text && probe.measureText(`${text}…`).width > room) text = text.slice(0, -1);
        text += '…';
      }
      const { fontBoundingBoxAscent: above, fontBoundingBoxDescent: below } = probe.measureText(text);
      const at = this.placed(box.width > room ? { left: box.left, top: box.top, width: room, height: box.height } : box, shift);
      const [fill, alpha] = plain(style.color);
      const drawn = this.add('text', {
        x: at.x, y: at.y + (at.height - above - below) / 2 + above, fill, 'font-family': style.fontFamily, 'font-size': style.fontSize,
        ...(style.fontWeight !== '400' && { 'font-weight': style.fontWeight }), ...(style.fontStyle !== 'normal' && { 'font-style': style.fontStyle }),
        ...(alpha * opacity < 1 && { 'fill-opacity': alpha * opacity }),
        ...(style.textDecorationLine !== 'none' && { 'text-decoration': style.textDecorationLine }),
      }, text);
      drawn.style.whiteSpace = 'pre';
    }
  }

  /** A text node's lines: their words, and the box of each. */
  function linesOf(node) {
    const range = document.createRange();
    const boxesOf = (from, to) => {
      range.setStart(node, from);
      range.setEnd(node, to);
      return [...range.getClientRects()].filter(({ width }) => width);
    };
    const lines = [];
    const put = (words, box) => {
      const last = lines.at(-1);
      if (last && Math.abs(last.box.top - box.top) < 2) {
        last.words += words;
        last.box = { left: last.box.left, top: last.box.top, height: last.box.height, width: box.right - last.box.left };
      } else lines.push({ words: words.trimStart(), box: { left: box.left, top: box.top, width: box.width, height: box.height } });
    };
    for (const { 0: word, index } of node.data.matchAll(/\s*\S+/g)) {
      const start = index + word.length - word.trimStart().length;
      const boxes = boxesOf(start, index + word.length);
      if (boxes.length === 1) put(word.replace(/\s+/g, ' '), boxes[0]);
      else if (boxes.length) for (let at = start; at < index + word.length; at += 1) boxesOf(at, at + 1).slice(0, 1).forEach((box) => put(node.data[at], box));
    }
    return lines;
  }

  // The part of a box that a gradient covers: a zero line is one of a pixel's width.
  function painted(style, box) {
    const [sizes, places] = [style.backgroundSize.split(' '), style.backgroundPosition.split(' ')];
    const share = (text, whole) => (text.endsWith('%') ? (whole * parseFloat(text)) / 100 : parseFloat(text));
    const [width, height] = [box.width, box.height].map((whole, axis) => (/^(auto|cover|contain)?$/.test(sizes[axis] ?? '') ? whole : share(sizes[axis], whole)));
    return { left: box.left + share(places[0], box.width - width), top: box.top + share(places[1] ?? '0%', box.height - height), width, height };
  }

  function inside(box, clip) {
    const [left, top] = [Math.max(box.left, clip.left), Math.max(box.top, clip.top)];
    const [right, bottom] = [Math.min(box.right, clip.right), Math.min(box.bottom, clip.bottom)];
    return { left, top, right, bottom, width: right - left, height: bottom - top };
  }

  /** An element and all that is in it, as { group, width, height, image: whether a picture in it is embedded as an image }. */
  tokenscope.pageDrawing = async function pageDrawing(node) {
    const drawn = new PageDrawing(node.getBoundingClientRect());
    await drawn.walk(node, { x: 0, y: 0 }, null, 1);
    return drawn;
  };
})();
