// What of a part of the page is hard to read or to name: a list of complaints.
(root) => {
  const channel = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) =>
    0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const parse = (text) => {
    const numbers = text.match(/[\d.]+/g).map(Number);
    return numbers.length === 3 ? [...numbers, 1] : numbers;
  };
  const over = (front, back) => front.slice(0, 3).map((one, i) => one * front[3] + back[i] * (1 - front[3]));
  const background = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const color = parse(getComputedStyle(one).backgroundColor);
      if (color[3] > 0) layers.push(color);
      if (color[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const complaints = [];
  for (const element of root.querySelectorAll("*")) {
    if (element.closest("svg, :disabled") || !element.checkVisibility()) continue;
    const own = [...element.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim());
    if (own) {
      const back = background(element);
      const front = over(parse(getComputedStyle(element).color), back);
      const [light, dark] = [luminance(front), luminance(back)].sort((a, b) => b - a);
      const ratio = (light + 0.05) / (dark + 0.05);
      if (ratio < 4.5) complaints.push(`${ratio.toFixed(2)}:1 ${element.textContent.trim().slice(0, 40)}`);
    }
    if (element.matches("input, select, textarea, button")) {
      const name = element.ariaLabel || element.labels?.[0]?.textContent || element.textContent || element.title;
      if (!name?.trim()) complaints.push(`no name: ${element.outerHTML.slice(0, 120)}`);
    }
  }
  return complaints;
}
