"use strict";
// Draws every figure of the page from the JSON beside it, in the colours of the style sheet.
(() => {
  const narrow = () => window.innerWidth < 600;
  const figures = [...document.querySelectorAll("figure.chart")].map((figure) => ({
    plot: figure.querySelector(".plot"),
    height: parseInt(figure.querySelector(".plot").style.height, 10),
    choice: figure.querySelector("select"),
    pictures: JSON.parse(figure.querySelector("script").textContent),
  }));

  const coloured = (value, style) => {
    if (typeof value === "string" && value.startsWith("var(")) return style.getPropertyValue(value.slice(4, -1)).trim();
    if (Array.isArray(value)) return typeof value[0] === "number" ? value : value.map((part) => coloured(part, style));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, coloured(part, style)]));
  };

  const layoutOf = (own, style) => {
    const colour = (name) => style.getPropertyValue(name).trim();
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow() ? 11 : 13, color: colour("--ink") },
      margin: { l: 8, r: narrow() ? 8 : 16, t: 8, b: 8 },
      hovermode: "closest", dragmode: narrow() ? false : "zoom",
      hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--rule"), font: { color: colour("--ink") } },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", itemsizing: "constant",
        font: { size: narrow() ? 10 : 12 } },
      ...coloured(own, style),
    };
    for (const name of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
      const axis = layout[name];
      const title = { standoff: 10, font: { size: 12, color: colour("--soft") }, ...axis.title };
      layout[name] = {
        gridcolor: colour("--grid"), linecolor: colour("--rule"), tickcolor: colour("--rule"), zeroline: false,
        automargin: true, fixedrange: narrow(), nticks: narrow() && name[0] === "x" ? 5 : undefined, ...axis, title,
      };
    }
    return layout;
  };

  const draw = ({ plot, choice, pictures, height }) => {
    plot.style.height = `${height + (narrow() ? 70 : 0)}px`; // legends take more lines there
    const style = getComputedStyle(document.documentElement);
    const picture = pictures[choice ? Number(choice.value) : 0];
    const bar = { displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
    Plotly.react(plot, coloured(picture.data, style), layoutOf(picture.layout, style),
      { responsive: true, displayModeBar: narrow() ? false : "hover", ...bar });
  };
  const drawAll = () => figures.forEach(draw);

  figures.forEach((figure) => figure.choice?.addEventListener("change", () => draw(figure)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  matchMedia("(max-width: 599px)").addEventListener("change", drawAll);
  const printing = (on) => { document.documentElement.classList.toggle("printing", on); drawAll(); };
  addEventListener("beforeprint", () => printing(true));
  addEventListener("afterprint", () => printing(false));
  drawAll();
})();
