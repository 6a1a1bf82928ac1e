// Icons: paths on a grid of 20 x 20, drawn with a line of 1.5.

const PATHS = {
  add: "M10 4v12M4 10h12",
  less: "M4 10h12",
  fit: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
  compare: "M10 2v16M4 5h4M4 15h4M4 5v10M12.5 5h3.5v10h-3.5",
  save: "M10 3v10M6 9.5l4 4 4-4M3.5 17h13",
  more: "M4 10a.6.6 0 1 0 1.2 0 .6.6 0 1 0-1.2 0M9.4 10a.6.6 0 1 0 1.2 0 .6.6 0 1 0-1.2 0M14.8 10a.6.6 0 1 0 1.2 0 .6.6 0 1 0-1.2 0",
  close: "M5 5l10 10M15 5L5 15",
  pause: "M7 4v12M13 4v12",
  play: "M6 4l10 6-10 6z",
  stop: "M5 5h10v10H5z",
  undo: "M7 4L3.5 7.5 7 11M4 7.5h7.5a4.5 4.5 0 0 1 0 9H8",
  redo: "M13 4l3.5 3.5L13 11M16 7.5H8.5a4.5 4.5 0 0 0 0 9H12",
  brush:
    "M16.5 3.5c-3 1.5-6 4.5-7.5 7l1.5 1.5c2.5-1.5 5.5-4.5 7-7.5zM8.5 11.5c-2 0-3 1.200-3 2.700 0 1-.8 1.800-2 1.800 2 1.5 6.5 1.300 6.5-3",
  eraser: "M11.5 3.5l5 5-7.5 7.5H6l-3-3zM7.5 7.5l5 5M6 16h11",
  polygon: "M10 3l7 5-2.5 8.5h-9L3 8z",
  flood: "M9 3l7 7-6 6-6.5-6.5zM9 3v5M16.5 13c1 1.5 1.5 2.300 1.5 3a1.5 1.5 0 0 1-3 0c0-.7.5-1.5 1.5-3z",
  invert: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  all: "M3.5 3.5h13v13h-13zM7 10l2.200 2.200L13.5 8",
  none: "M3.5 3.5h13v13h-13z",
  camera: "M3 6.5h3l1.5-2h5l1.5 2h3v9H3zM10 8.300a2.700 2.700 0 1 0 0 5.4 2.700 2.700 0 0 0 0-5.4z",
  folder: "M3 5h5l1.5 2H17v9H3z",
  photo: "M3 4h14v12H3zM3 13l4-4 4 4 2.5-2.5L17 14M13 7.5h.01",
  reset: "M4.5 10a5.5 5.5 0 1 1 1.700 4M4 5.5V10h4.5",
  crop: "M6 2v12h12M2 6h12v12",
  help: "M7.5 7.5a2.5 2.5 0 1 1 3.600 2.200c-.8.4-1.100.9-1.100 1.800M10 14.5h.01",
  mask: "M3 4h14v12H3zM10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z",
  tiles: "M3 3h14v14H3zM3 7.700h14M3 12.300h14M7.700 3v14M12.300 3v14",
  open: "M8 4.500H4v11.500h11.500v-4M11.500 3.500h5v5M16.500 3.500l-7.500 7.500",
  out: "M8 3.5H3.5v13H8M9 10h8M14 7l3 3-3 3",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
