// audit returns what is wrong with the page as it is shown now.
(() => {
  const faults = [];
  const name = (element) => `<${element.tagName.toLowerCase()}${element.id ? ` id=${element.id}` : ""} class="${element.className}">`;

  const width = document.documentElement.scrollWidth;
  if (width > innerWidth) {
    const wide = [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5);
    faults.push(`the page is ${width} wide in a window of ${innerWidth}, for ${wide.slice(0, 3).map(name)}`);
  }

  // Colours, as [red, green, blue, alpha].
  const read = (text) => {
    const numbers = text.match(/[\d.]+/g).map(Number);
    return text.startsWith("rgb") ? [...numbers, 1].slice(0, 4) : null;
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const behind = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const colour = read(getComputedStyle(one).backgroundColor);
      layers.unshift(colour);
      if (colour[3] === 1) {
        break;
      }
    }
    return layers.reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const light = ([red, green, blue]) => {
    const linear = [red, green, blue].map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const shown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !element.closest(".unseen, .skip, noscript, title, option");
  const demand = (element, colour, least, what) => {
    const on = behind(element);
    const got = contrast(over(colour, on), on);
    if (!(got >= least)) {
      faults.push(`${what} in ${name(element)} has a contrast of ${got.toFixed(2)}:1`);
    }
  };

  let measured = 0;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (texts.currentNode.data.trim() && shown(element)) {
      measured++;
      demand(element, read(getComputedStyle(element).color), 4.5, JSON.stringify(texts.currentNode.data.trim().slice(0, 30)));
    }
  }
  for (const element of document.querySelectorAll("input:not([type=checkbox]), select, textarea")) {
    demand(element, read(getComputedStyle(element).color), 4.5, "what is filled in");
    const edge = read(getComputedStyle(element).borderTopColor);
    if (contrast(edge, behind(element.parentElement)) < 3) {
      faults.push(`the edge of ${name(element)} does not show`);
    }
  }
  // Shapes need less, and must not be told apart by their colour (WCAG 1.4.1, 1.4.11).
  const shapes = new Map();
  for (const mark of document.querySelectorAll(".mark")) {
    const style = getComputedStyle(mark);
    if (contrast(read(style.backgroundColor), behind(mark.parentElement)) < 3) {
      faults.push(`a mark of ${mark.parentElement.className} does not show`);
    }
    shapes.set(mark.parentElement.className, style.clipPath + style.borderRadius);
  }
  if (new Set(shapes.values()).size !== shapes.size) {
    faults.push(`two kinds of status have one shape: ${[...shapes]}`);
  }
  for (const element of document.querySelectorAll("button, input, select, textarea, nav a, summary")) {
    const box = element.getBoundingClientRect();
    const target = element.type === "checkbox" ? element.parentElement.getBoundingClientRect() : box;
    if (shown(element) && target.height < 24 && box.height > 0) {
      faults.push(`${name(element)} is ${target.height} high, too small for a finger (WCAG 2.5.8)`);
    }
  }
  if (measured < 20) {
    faults.push(`only ${measured} texts were measured`);
  }
  return faults;
})()
