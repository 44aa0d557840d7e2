// How weights become colours: linear, square root or logarithm, as a function, as plotly's stops and as a legend.
(() => {
  const { tokenscope } = window;
  const { say, later } = tokenscope;
  const LEAST = 1e-4; // what the logarithmic scale begins with
  const SAMPLES = 33;

  const PLACES = {
    linear: (weight) => weight,
    sqrt: Math.sqrt,
    log: (weight) => 1 - Math.log10(Math.max(weight, LEAST)) / Math.log10(LEAST),
  };
  const WEIGHTS = {
    linear: (place) => place,
    sqrt: (place) => place * place,
    log: (place) => LEAST ** (1 - place),
  };
  const LEGENDS = {
    linear: [later('weight 0'), '0.5', '1'],
    sqrt: [later('weight 0'), '0.25', '1'],
    log: [later('weight 0.0001 or less'), '0.01', '1'],
  };

  const stops = (scale) => tokenscope.colours[scale][tokenscope.theme()];

  // The cells keep their exact weights; only the stops are bent.
  function colorscale(scale, transfer) {
    const list = Array.from({ length: SAMPLES }, (_, index) => {
      const place = index / (SAMPLES - 1);
      return [WEIGHTS[transfer](place), tokenscope.mix(stops(scale), place)];
    });
    return transfer === 'log' ? [[0, list[0][1]], ...list] : list;
  }

  // A table of 256 colours over the places 0 to 1, as [red, green, blue] bytes one after the other.
  function table(scale) {
    const colours = new Uint8Array(256 * 3);
    for (let index = 0; index < 256; index += 1) {
      colours.set(tokenscope.mix(stops(scale), index / 255).match(/\d+/g).map(Number), index * 3);
    }
    return colours;
  }

  const components = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const masked = () => components(tokenscope.colours.variables[tokenscope.theme()].masked);

  // A picture of a lower triangle of weights as a data address: a pixel a cell, masked where the weight is NaN.
  function triangleImage(weights, size, scale, transfer) {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = size;
    const context = canvas.getContext('2d');
    const image = context.createImageData(size, size);
    const [colours, hidden] = [table(scale), masked()];
    for (let row = 0, from = 0; row < size; row += 1) {
      for (let column = 0; column < size; column += 1) {
        const weight = column <= row ? weights[from++] : NaN;
        const at = 4 * (row * size + column);
        const place = 3 * Math.round(255 * PLACES[transfer](weight));
        const visible = !Number.isNaN(weight);
        for (let part = 0; part < 3; part += 1) image.data[at + part] = visible ? colours[place + part] : hidden[part];
        image.data[at + 3] = 255;
      }
    }
    context.putImageData(image, 0, 0);
    return canvas.toDataURL();
  }

  /** The ink that is read best on a fill, as `mix` returns it. */
  function inkOn(fill) {
    const light = (channel) => (channel <= 10 ? channel / 3294 : ((channel / 255 + 0.055) / 1.055) ** 2.4);
    const [red, green, blue] = fill.match(/\d+/g).map(Number).map(light);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? '#16181d' : '#ffffff';
  }

  // Fills a legend: <span class="ts-low">, a ramp, <span class="ts-middle">, <span class="ts-high">.
  function legend(host, transfer) {
    const [low, middle, high] = LEGENDS[transfer];
    host.querySelector('.ts-low').textContent = say(low);
    host.querySelector('.ts-middle').textContent = middle;
    host.querySelector('.ts-high').textContent = high;
    host.querySelector('.ts-ramp').style.backgroundImage = tokenscope.gradient('sequential');
  }

  Object.assign(tokenscope, { colorscale, colourTable: table, placeOf: (transfer) => PLACES[transfer], maskedColour: masked, triangleImage, inkOn, legend });
})();
