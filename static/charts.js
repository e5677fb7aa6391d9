// Draws [data-chart] figures from their JSON block with ECharts, in the page's colours.
// Labels stand at the lines, bars start at zero, and the tooltip is drawn on the canvas, because the
// page's security policy forbids inline styles.
(() => {
  const token = (name) => {
    // A custom property keeps light-dark() unresolved; a used colour does not.
    const probe = document.createElement("i");
    probe.className = "bo-probe-" + name;
    document.body.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  };
  // Okabe and Ito's palette (2008) without yellow: told apart with any kind of colour blindness.
  const palette = () => [token("accent"), "#e69f00", "#cc79a7", "#56b4e9", "#d55e00", "#009e73"];

  // A line may end before the others do.
  const lastOf = (one) => one.values.findLast((value) => value !== null) ?? 0;

  // How many earlier lines end where this one does: their words would lie on each other.
  const crowding = (series, one) => {
    const range = Math.max(...series.flatMap((other) => other.values)) || 1;
    return series.slice(0, series.indexOf(one)).filter((other) => Math.abs(lastOf(other) - lastOf(one)) < range * 0.07).length;
  };

  // Words of lines that end near the axis are stacked upwards, the others downwards.
  const endOffset = (series, one) => {
    const range = Math.max(...series.flatMap((other) => other.values)) || 1;
    return 14 * crowding(series, one) * (lastOf(one) < range * 0.15 ? -1 : 1);
  };

  // Lines across the chart at a value of the x axis, each with its word at the top.
  const marksOf = (marks, ink) => ({
    symbol: "none", silent: true,
    data: marks.map((mark, i) => ({
      xAxis: mark.x, lineStyle: { color: token(mark.tone), width: 1.5, type: mark.tone === "accent" ? "solid" : "dashed" },
      label: { formatter: mark.label, color: ink, fontSize: 11, position: "end", distance: 2 + 14 * i },
    })),
  });

  const seriesOf = (spec, one, colour, ink) => {
    const at = (values) => (spec.x_type === "value" ? values.map((value, i) => [spec.x[i], value]) : values);
    const shown = {
      name: one.name, type: spec.kind, data: at(one.values), color: colour, symbol: "circle", symbolSize: 5, showSymbol: false,
      barMaxWidth: 28, lineStyle: { width: 2 }, itemStyle: { borderRadius: spec.kind === "bar" ? [2, 2, 0, 0] : 0 },
      endLabel: spec.kind === "line" && spec.series.length > 1 ? { show: true, formatter: "{a}", color: ink, fontSize: 12, offset: [0, endOffset(spec.series, one)] } : undefined,
    };
    if (spec.marks && one === spec.series[0]) shown.markLine = marksOf(spec.marks, ink);
    if (!one.low || !one.high) return [shown];
    // The band is two stacked areas: an invisible one up to `low`, then a tinted one up to `high`.
    const edge = { type: "line", stack: "band-" + one.name, symbol: "none", silent: true, lineStyle: { opacity: 0 }, tooltip: { show: false } };
    return [
      { ...edge, name: one.name + " low", data: one.low },
      { ...edge, name: one.name + " high", data: one.high.map((high, i) => (high === null ? null : high - one.low[i])), areaStyle: { color: colour, opacity: 0.14 } },
      shown,
    ];
  };

  // A share never passes a hundred, whatever round number the axis would end at.
  const topOf = (spec) => {
    const highest = Math.max(...spec.series.flatMap((one) => [...one.values, ...(one.high || [])]));
    return spec.unit === " %" && highest > 75 && highest <= 100 ? 100 : undefined;
  };

  const optionOf = (spec) => {
    const [ink, line, surface] = [token("ink"), token("line"), token("surface")];
    const axis = { axisLabel: { color: ink, fontSize: 11 }, axisLine: { lineStyle: { color: line } }, axisTick: { show: false }, splitLine: { lineStyle: { color: line } } };
    const colours = palette();
    return {
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      grid: { left: 8, right: spec.kind === "line" && spec.series.length > 1 ? 104 : 16, top: spec.marks ? 12 + 16 * spec.marks.length : spec.kind === "bar" && spec.series.length > 1 ? 28 : 12, bottom: 4, containLabel: true },
      tooltip: {
        trigger: "axis", renderMode: "richText", backgroundColor: surface, borderColor: line, textStyle: { color: ink, fontSize: 12 },
        valueFormatter: (value) => (value === null || value === undefined ? "–" : value.toLocaleString(document.documentElement.lang) + (spec.unit || "")),
      },
      legend: spec.kind === "bar" && spec.series.length > 1 ? { top: 0, right: 0, itemWidth: 10, itemHeight: 10, textStyle: { color: ink, fontSize: 12 } } : undefined,
      xAxis: { type: spec.x_type || "category", boundaryGap: spec.kind === "bar", data: spec.x_type === "value" ? undefined : spec.x, min: spec.x_type === "value" ? "dataMin" : undefined, max: spec.x_max, ...axis, splitLine: { show: false } },
      yAxis: { type: "value", scale: spec.kind === "line" && Boolean(spec.free_scale), splitNumber: 4, max: topOf(spec), minInterval: spec.whole ? 1 : undefined, ...axis, axisLine: { show: false }, axisLabel: { ...axis.axisLabel, formatter: (v) => v.toLocaleString(document.documentElement.lang) + (spec.unit || "") } },
      series: spec.series.flatMap((one, i) => seriesOf(spec, one, colours[i % colours.length], ink)),
    };
  };

  const draw = (box) => {
    const spec = JSON.parse(document.getElementById(box.dataset.chart).textContent);
    const chart = echarts.getInstanceByDom(box) || echarts.init(box);
    chart.setOption(optionOf(spec), true);
    new ResizeObserver(() => chart.resize()).observe(box);
  };
  const drawAll = () => document.querySelectorAll("[data-chart]").forEach(draw);
  drawAll();
  addEventListener("bo:theme", drawAll);
  document.addEventListener("htmx:afterSwap", drawAll);
})();
