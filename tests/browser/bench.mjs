// How fast the built pages draw, in headless Chromium without a GPU. No hub: pages and answers come from this program, the
// live socket is a class inside the page that delivers prepared messages, so that nothing else is measured.
//   node tests/browser/bench.mjs [map] [rows] [storm]     SECONDS=10 SIZE=1280x720
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { loadavg } from 'node:os';
import { root } from '../clients/kit.mjs';
import { launch } from './kit.mjs';

const dist = process.env.DIST ?? join(root, 'dashboards/web/dist');
const seconds = Number(process.env.SECONDS ?? 10);
const [width, height] = (process.env.SIZE ?? '1280x720').split('x').map(Number);
const wanted = process.argv.slice(2);
const wants = (name) => wanted.length === 0 || wanted.includes(name);

/** A district of the size of a real one: outline, sub-districts, a net of named roads. */
function district() {
  const features = [];
  const add = (layer, name, type, coordinates) => features.push({ type: 'Feature', properties: { layer, name }, geometry: { type, coordinates } });
  const box = (w, s, e, n) => [[[w, s], [e, s], [e, n], [w, n], [w, s]]];
  add('outline', '示范区', 'Polygon', box(121.33, 31.17, 121.45, 31.25));
  for (let i = 0; i < 12; i++) add('subdistrict', `第${i + 1}街道`, 'Polygon', box(121.33 + (i % 4) * 0.03, 31.17 + Math.floor(i / 4) * 0.0267, 121.36 + (i % 4) * 0.03, 31.1967 + Math.floor(i / 4) * 0.0267));
  for (let i = 0; i < 120; i++) add('road', `东西${i}路`, 'LineString', [[121.33, 31.17 + i * 0.00066], [121.39, 31.1705 + i * 0.00066], [121.45, 31.17 + i * 0.00066]]);
  for (let i = 0; i < 120; i++) add('road', `南北${i}路`, 'LineString', [[121.33 + i * 0.001, 31.17], [121.3305 + i * 0.001, 31.21], [121.33 + i * 0.001, 31.25]]);
  for (let i = 0; i < 60; i++) add('park', `绿地${i}`, 'Polygon', box(121.34 + (i % 10) * 0.01, 31.175 + Math.floor(i / 10) * 0.012, 121.344 + (i % 10) * 0.01, 31.179 + Math.floor(i / 10) * 0.012));
  return { type: 'FeatureCollection', features };
}

const types = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const answers = {
  '/api/v1/session': { username: 'operator', name: '值班操作员', role: 'plant_operator', expires_at: 4e12 },
  '/api/v1/map/district': district(),
  '/api/v1/rules': { version: 1, running_version: 1, by: '', at: 0, change: null, rules: {} },
};
const server = createServer(async (request, response) => {
  const path = new URL(request.url, 'http://bench').pathname;
  if (path.startsWith('/api/')) {
    response.writeHead(answers[path] ? 200 : 404, { 'Content-Type': 'application/json' });
    return response.end(JSON.stringify(answers[path] ?? { title: 'not here', status: 404 }));
  }
  const file = extname(path) === '' ? 'index.html' : normalize(path).replace(/^\/+/, '');
  try {
    const body = await readFile(join(dist, file));
    response.writeHead(200, { 'Content-Type': types[extname(file)] ?? 'application/octet-stream' });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const url = `http://127.0.0.1:${server.address().port}`;

/** Runs in the page before its own code: the socket, the load, and what is measured. */
function inPage({ kind, seconds }) {
  const bench = { late: [], frames: [], ready: false, done: null };
  window.__bench = bench;
  const unit = (i, step, now) => ({
    id: `U-${i}`, class: i % 3 ? 'patrol' : 'vehicle', name: `巡查${i}`, lon: 121.335 + ((i * 7919) % 5000) / 5000 * 0.11 + 0.0002 * Math.cos(step / 3 + i),
    lat: 31.175 + ((i * 104729) % 5000) / 5000 * 0.07 + 0.0002 * Math.sin(step / 3 + i), speed_kmh: 20, heading_deg: (step * 6 + i) % 360, accuracy_m: 5, battery_pct: 80, sos: false, time: now, received: now, state: 'online',
  });
  const alarm = (i, step, now, more = {}) => ({
    id: `F-${i}.HIGH.${i}`, device: `F-${i % 400}`, class: ['plant', 'charger', 'light', 'environment'][i % 4], device_name: `${i % 400}号设备`, sub_component: null, code: 'HIGH', title: '数值偏高',
    cause: '传感器附近温度升高', consequence: '影响运行', action: '到场检查', text: '', severity: 'major', priority: ['P2', 'P3', 'P4', 'P4'][i % 4], priority_reasons: [{ code: 'severity', text: '严重程度：+30', points: 30 }],
    explanation: [], state: i % 3 ? 'unacknowledged' : 'acknowledged', active: true, acknowledged: i % 3 === 0, acknowledged_by: null, acknowledged_at: null, shelved_until: null,
    raised_at: now - i * 10, last_seen_at: now, returned_at: null, count: step + 1, annunciations: 1, value: 80 + (step + i) % 40, limit: 80, unit: 'Cel', lon: null, lat: null, sub_district: `第${i % 12}街道`, late: false, folds: 0, first_position: i + 1, last_position: i + 1 + step, ...more,
  });
  const start = Date.now();
  const range = (from, to, make) => Array.from({ length: to - from }, (_, i) => JSON.stringify(make(from + i))).join(',');
  // Messages are text made beforehand: the page reads them, it does not wait for them to be written.
  const loads = {
    map: { snapshot: () => `"units":[${range(0, 5000, (i) => unit(i, 0, start))}]`, tails: Array.from({ length: 12 }, (_, step) => `"units":[${range(0, 5000, (i) => unit(i, step + 1, start))}]`), every: 100 },
    rows: { snapshot: () => `"alarms":[${range(0, 10000, (i) => alarm(i, 0, start))}]`, tails: Array.from({ length: 20 }, (_, step) => `"alarms":[${range(0, 1000, (i) => alarm((i * 10 + step * 503) % 10000, step + 1, start))}]`), every: 100 },
    storm: { snapshot: () => '"alarms":[]', tails: Array.from({ length: 100 }, (_, step) => `"alarms":[${range(step * 100, step * 100 + 100, (i) => alarm(i, 0, start, i === 5050 ? { priority: 'P1', state: 'unacknowledged', title: '人员求救' } : {}))}]`), every: 100, once: true },
  };
  const load = kind === 'map' ? loads.map : kind === 'rows' ? loads.rows : loads.storm;
  let cursor = 1;
  class Feed extends EventTarget {
    constructor() {
      super();
      this.readyState = 0;
      setTimeout(() => { this.readyState = 1; this.onopen?.({}); }, 0);
    }
    say(type, body) { this.onmessage?.({ data: `{"type":"${type}","cursor":${cursor++},"now":${Date.now()},${body}}` }); }
    send() {
      this.say('snapshot', load.snapshot());
      bench.ready = true;
      bench.begin = () => {
        let step = 0;
        const timer = setInterval(() => {
          if (load.once && step >= load.tails.length) { clearInterval(timer); return; }
          const at = performance.now();
          if (kind === 'storm' && step === 50) bench.critical = at;
          this.say('delta', load.tails[step++ % load.tails.length]);
          // The frame that draws it, and the begin of the next: then it is on the screen.
          requestAnimationFrame(() => requestAnimationFrame(() => bench.late.push(performance.now() - at)));
        }, load.every);
      };
    }
    close() { this.readyState = 3; this.onclose?.({}); }
  }
  window.WebSocket = Feed;
  bench.measure = () => new Promise((done) => {
    const end = performance.now() + seconds * 1000;
    const board = document.querySelector('[data-testid="board"]');
    let down = 1;
    const turn = (now) => {
      bench.frames.push(now);
      if (kind === 'rows' && board) {
        if (board.scrollTop + board.clientHeight >= board.scrollHeight - 40) down = -1;
        if (board.scrollTop <= 0) down = 1;
        board.scrollTop += down * 60;
      }
      if (kind === 'storm' && bench.critical && !bench.shown) {
        const button = document.querySelector('[data-alarm-id="F-5050.HIGH.5050"] button');
        if (button) requestAnimationFrame(() => { bench.shown ??= performance.now() - bench.critical; });
      }
      if (performance.now() < end) requestAnimationFrame(turn);
      else done({ late: bench.late, frames: bench.frames, shown: bench.shown ?? null });
    };
    requestAnimationFrame(turn);
  });
}

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
const ms = (n) => `${n === null || Number.isNaN(n) ? '-' : n.toFixed(0)} ms`;

async function run(kind, path, title) {
  const browser = await launch();
  const context = await browser.newContext({ viewport: { width, height }, locale: 'zh-CN' });
  const page = await context.newPage();
  page.on('pageerror', (error) => console.error(kind, String(error)));
  await page.addInitScript(inPage, { kind, seconds });
  await page.goto(url + path);
  await page.waitForFunction(() => window.__bench.ready && (document.querySelector('[data-testid="board"]') || window.__greenhub?.renderer() !== 'none'), undefined, { timeout: 120_000 });
  await page.waitForTimeout(3_000);
  if (process.env.PROFILE) await page.evaluate(() => window.__bench.begin());
  const profiler = process.env.PROFILE ? await context.newCDPSession(page) : null;
  if (profiler) { await profiler.send('Profiler.enable'); await profiler.send('Profiler.start'); }
  else await page.evaluate(() => window.__bench.begin());
  const devtools = await browser.newBrowserCDPSession();
  const used = async () => Object.fromEntries((await devtools.send('SystemInfo.getProcessInfo')).processInfo.map((one) => [`${one.type} ${one.id}`, one.cpuTime]));
  const before = await used();
  const { late, frames, shown } = await page.evaluate(() => window.__bench.measure());
  if (profiler) {
    const { profile } = await profiler.send('Profiler.stop');
    const own = new Map();
    profile.samples.forEach((id, i) => own.set(id, (own.get(id) ?? 0) + (profile.timeDeltas[i] ?? 0)));
    const rows = profile.nodes.map((n) => [own.get(n.id) ?? 0, `${n.callFrame.functionName || '(anonymous)'} ${n.callFrame.url.split('/').pop()}:${n.callFrame.lineNumber}`]);
    const by = new Map();
    for (const [time, name] of rows) by.set(name, (by.get(name) ?? 0) + time);
    for (const [name, time] of [...by].sort((a, b) => b[1] - a[1]).slice(0, 25)) console.log(`  ${(time / 1000).toFixed(0).padStart(6)} ms  ${name}`);
  }
  const after = await used();
  // Processor time says what the work costs, whatever else the machine does meanwhile.
  const spent = (type) => Object.entries(after).filter(([name]) => name.startsWith(type)).reduce((sum, [name, time]) => sum + time - (before[name] ?? 0), 0) * 1000 / frames.length;
  const gaps = frames.slice(1).map((now, i) => now - frames[i]).sort((a, b) => a - b);
  late.sort((a, b) => a - b);
  const took = (frames.at(-1) - frames[0]) / 1000;
  console.log(`| ${title} | ${(gaps.length / took).toFixed(1)} fps | frame p99 ${ms(at(gaps, 0.99))}, longest ${ms(gaps.at(-1))} | message to pixel p50 ${ms(at(late, 0.5))}, p99 ${ms(at(late, 0.99))} | processor per frame: page ${spent('renderer').toFixed(1)} ms, drawing ${spent('GPU').toFixed(1)} ms |${shown === undefined || kind !== 'storm' ? '' : ` first P1 acknowledgeable after ${ms(shown)} |`}`);
  await browser.close();
}

console.log(`browser bench, ${width}x${height}, ${seconds} s each, software GL; load before: ${loadavg()[0].toFixed(1)}`);
if (wants('map')) await run('map', '/map', '5 000 units moving 10 times a second');
if (wants('rows')) await run('rows', '/alarms', '10 000 alarm rows, 10 000 changes a second, scrolling');
if (wants('storm')) await run('storm', '/alarms', 'alarm storm, 10 000 in 10 s');
server.close();
