// Canvases that can be drawn again: on the page, and as a drawing for a file. What a picture calls of a canvas is
// written down as shapes; where there would be too many, the cells are embedded as an image.
(() => {
  const { tokenscope } = window;
  const MOST_SHAPES = 6_000; // of one picture: programs open a file with some thousands well
  const FINE = 4; // pixels of an embedded image to one of the page
  const painters = new WeakMap(); // canvas -> { width, height, paint }
  const KEPT = ['fillStyle', 'strokeStyle', 'lineWidth', 'font', 'textAlign', 'textBaseline', 'matrix'];
  const ANCHORS = { left: 'start', start: 'start', center: 'middle', right: 'end', end: 'end' };
  const measuring = document.createElement('canvas').getContext('2d');
  const short = (number) => String(Math.round(number * 100) / 100);

  /** The rectangles of one colour that an image falls into; none where it falls into more than `most`. */
  function blocksOf({ width, height, data }, most) {
    const pixels = new Uint32Array(data.buffer);
    const done = [];
    let open = [];
    for (let y = 0; y < height; y += 1) {
      const row = [];
      for (let x = 0; x < width; x += 1) {
        const pixel = pixels[y * width + x];
        if (x && pixel === row.at(-1).pixel) row.at(-1).width += 1;
        else row.push({ x, y, width: 1, height: 1, pixel });
      }
      const same = row.length === open.length && row.every((run, index) => run.pixel === open[index].pixel && run.width === open[index].width);
      if (same) for (const block of open) block.height += 1;
      else {
        done.push(...open);
        open = row;
      }
      if (done.length + open.length > most) return null;
    }
    return [...done, ...open].filter(({ pixel }) => pixel >>> 24);
  }

  const colourOf = (pixel) => `rgb(${pixel & 255},${(pixel >> 8) & 255},${(pixel >> 16) & 255})`;

  function canvasOf(image) {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext('2d').putImageData(image, 0, 0);
    return canvas;
  }

  // What pictures use of a canvas's context. With `cells`, a canvas, what fills areas is painted there and becomes one image.
  class Drawn {
    constructor(ratio, cells = null) {
      Object.assign(this, { fillStyle: '#000000', strokeStyle: '#000000', lineWidth: 1, font: '10px sans-serif', textAlign: 'start', textBaseline: 'alphabetic' });
      Object.assign(this, { matrix: new DOMMatrix([1 / ratio, 0, 0, 1 / ratio, 0, 0]), stack: [], path: '', cells, shapes: 0 });
      this.group = tokenscope.svg('g', {});
    }

    save() { this.stack.push(Object.fromEntries(KEPT.map((name) => [name, this[name]]))); }
    restore() { Object.assign(this, this.stack.pop()); }
    scale(x, y) { this.matrix = this.matrix.scale(x, y); }
    translate(x, y) { this.matrix = this.matrix.translate(x, y); }
    rotate(angle) { this.matrix = this.matrix.rotate((angle * 180) / Math.PI); }
    createImageData(width, height) { return new ImageData(width, height); }

    measureText(text) {
      measuring.font = this.font;
      return measuring.measureText(text);
    }

    shape(name, attributes, text) {
      this.shapes += 1;
      return tokenscope.svg(name, attributes, this.group, text);
    }

    boxOf(x, y, width, height) {
      const { a, d, e, f } = this.matrix;
      return { x: short(a * x + e), y: short(d * y + f), width: short(a * width), height: short(d * height) };
    }

    pointOf(x, y) {
      const point = this.matrix.transformPoint({ x, y });
      return `${short(point.x)} ${short(point.y)}`;
    }

    line() { return { 'shape-rendering': 'auto', stroke: this.strokeStyle, 'stroke-width': short(this.lineWidth * this.matrix.a), fill: 'none' }; }

    fillRect(...box) {
      if (!this.cells) this.shape('rect', { ...this.boxOf(...box), fill: this.fillStyle });
      else this.onCells((context) => context.fillRect(...box));
    }

    onCells(paint) {
      const context = this.cells.getContext('2d');
      const { a, b, c, d, e, f } = this.matrix;
      context.setTransform(...[a, b, c, d, e, f].map((part) => part * FINE));
      context.fillStyle = this.fillStyle;
      context.imageSmoothingEnabled = false;
      paint(context);
    }

    strokeRect(...box) { this.shape('rect', { ...this.boxOf(...box), ...this.line() }); }
    beginPath() { this.path = ''; }
    moveTo(x, y) { this.path += `M${this.pointOf(x, y)}`; }
    lineTo(x, y) { this.path += `L${this.pointOf(x, y)}`; }
    stroke() { this.shape('path', { d: this.path, ...this.line() }); }
    fill() { this.shape('path', { d: this.path, fill: this.fillStyle, 'shape-rendering': 'auto' }); }

    arc(x, y, radius) { // pictures draw whole circles only
      const wide = short(radius * this.matrix.a);
      this.path += `M${this.pointOf(x - radius, y)}a${wide} ${wide} 0 1 0 ${2 * wide} 0a${wide} ${wide} 0 1 0 ${-2 * wide} 0Z`;
    }

    fillText(text, x, y) {
      const { a, b, c, d, e, f } = this.matrix.translate(x, y);
      const [, weight = '', size, family] = this.font.match(/^(.*?)([\d.]+)px (.*)$/);
      const place = b || c ? { transform: `matrix(${[a, b, c, d, e, f].map(short).join(' ')})` } : { x: short(e), y: short(f) };
      this.shape('text', {
        ...place, fill: this.fillStyle, 'font-size': size, 'font-family': family, 'text-anchor': ANCHORS[this.textAlign],
        ...(weight.trim() && { 'font-weight': weight.trim() }), dy: this.textBaseline === 'middle' ? '.35em' : '0',
      }, String(text));
    }

    putImageData(image, x, y) {
      if (this.cells) {
        this.onCells((context) => context.drawImage(canvasOf(image), x, y));
        return;
      }
      const blocks = blocksOf(image, MOST_SHAPES - this.shapes);
      if (!blocks) this.shapes = MOST_SHAPES + 1;
      else for (const block of blocks) this.shape('rect', { ...this.boxOf(x + block.x, y + block.y, block.width, block.height), fill: colourOf(block.pixel) });
    }
  }

  /**
   * Paints a canvas of so many pixels of the page, and keeps how. `paint(context, ratio)` begins in device pixels, of which `ratio`
   * make one. `whole`, likewise { width, height, paint }, is what a file shows where the page has less of it.
   */
  tokenscope.paintCanvas = function paintCanvas(canvas, picture, whole = picture) {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(picture.width * ratio);
    canvas.height = Math.round(picture.height * ratio);
    canvas.style.width = `${picture.width}px`;
    canvas.style.height = `${picture.height}px`;
    painters.set(canvas, whole);
    picture.paint(canvas.getContext('2d'), ratio);
  };

  /** Keeps how a canvas of one pixel a cell is painted. */
  tokenscope.keepCells = (canvas, pixels) => {
    painters.set(canvas, { width: pixels.width, height: pixels.height, cells: true, paint: (context, ratio) => {
      context.scale(ratio, ratio);
      context.putImageData(pixels, 0, 0);
    } });
  };

  function shapesOf({ paint }) {
    const drawn = new Drawn(1);
    paint(drawn, 1);
    return drawn.shapes <= MOST_SHAPES ? drawn.group : null;
  }

  // The cells as an image, with names and marks as shapes over it.
  function imageOf({ width, height, paint }) {
    const cells = document.createElement('canvas');
    [cells.width, cells.height] = [width * FINE, height * FINE];
    const drawn = new Drawn(FINE, cells);
    paint(drawn, FINE);
    drawn.group.prepend(tokenscope.svg('image', { href: cells.toDataURL(), width, height, preserveAspectRatio: 'none' }));
    return drawn.group;
  }

  /** What a canvas shows as { node, width, height, image: whether an image is in it, cells: whether it is one pixel a cell }. */
  tokenscope.canvasDrawing = function canvasDrawing(canvas) {
    const painter = painters.get(canvas);
    const { width, height, cells = false } = painter;
    const shapes = shapesOf(painter);
    return { node: shapes ?? imageOf(painter), width, height, image: !shapes, cells };
  };

  tokenscope.mostShapes = MOST_SHAPES;
})();
