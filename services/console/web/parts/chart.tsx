// A chart over time (uPlot). The legend is ours: buttons that show and hide a line.

import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useScheme } from "./scheme";

export interface Line {
  name: string;
  colour: string; // a custom property of the style sheet
  dash?: number[];
  values: (number | null)[];
}

interface Props {
  label: string;
  seconds: number[];
  lines: Line[];
  height?: number;
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "gray";
}

function options(width: number, height: number, lines: Line[]): uPlot.Options {
  const axis = { stroke: colour("--text"), grid: { stroke: colour("--line"), width: 1 } };
  return {
    width,
    height,
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    scales: { y: { range: (_u, _min, max) => [0, Math.max(1, max * 1.1)] } },
    axes: [axis, { ...axis, size: 60 }],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.name,
        stroke: colour(line.colour),
        width: 1.5,
        points: { show: false },
        ...(line.dash ? { dash: line.dash } : {}),
      })),
    ],
  };
}

export function Chart({ label, seconds, lines, height = 160 }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [hidden, setHidden] = useState<string[]>([]);
  const dark = useScheme();
  const names = lines.map((line) => line.name).join("|");

  useEffect(() => {
    if (!box.current) return;
    const parent = box.current;
    const made = new uPlot(
      options(parent.clientWidth || 600, height, lines),
      [seconds, ...lines.map((l) => l.values)] as uPlot.AlignedData,
      parent,
    );
    plot.current = made;
    const observer = new ResizeObserver(() =>
      made.setSize({ width: parent.clientWidth || 600, height }),
    );
    observer.observe(parent);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [names, height, dark]);

  useEffect(() => {
    plot.current?.setData([seconds, ...lines.map((l) => l.values)] as uPlot.AlignedData);
  });
  useEffect(() => {
    lines.forEach((line, i) => plot.current?.setSeries(i + 1, { show: !hidden.includes(line.name) }));
  }, [hidden, names, height, dark]);

  const toggle = (name: string) =>
    setHidden((h) => (h.includes(name) ? h.filter((n) => n !== name) : [...h, name]));
  return (
    <figure>
      <div ref={box} role="img" aria-label={label} class="chart" />
      <figcaption class="legend">
        {lines.map((line) => (
          <button
            type="button"
            class="quiet"
            aria-pressed={!hidden.includes(line.name)}
            onClick={() => toggle(line.name)}
          >
            <span aria-hidden="true" style={{ color: `var(${line.colour})` }}>
              ■
            </span>{" "}
            {line.name}: {line.values[line.values.length - 1] ?? "–"}
          </button>
        ))}
      </figcaption>
    </figure>
  );
}
