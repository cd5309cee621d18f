// A past moment in real Chromium: the page shows what stood then, plays on, and comes back to the present.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { run, startHub, until } from '../clients/kit.mjs';
import { axe, launch, login } from './kit.mjs';

let hub, browser;
before(async () => { hub = await startHub(); browser = await launch(); });
after(async () => { await browser?.close(); await hub?.stop(); hub?.forget(); });

const place = async (lon) => {
  const payload = JSON.stringify({ time: Date.now(), lon, lat: 31.21 });
  const result = await run('mosquitto_pub', ['-h', '127.0.0.1', '-p', String(hub.mqttPort), '-q', '1', '-t', 'greenhub/v1/patrol/W-009/position', '-m', payload]);
  assert.equal(result.code, 0, result.stderr);
};
const lon = (page) => page.evaluate(() => window.__greenhub?.units()['W-009']?.lon);

test('the map goes back to a moment, plays on, and returns', async () => {
  const { page, context } = await login(browser, hub.url);
  await page.goto(`${hub.url}/map`);
  await page.getByTestId('map-canvas').first().waitFor();
  await place(121.39);
  await until('the first place', async () => Math.abs((await lon(page)) - 121.39) < 1e-6);
  // The moment must lie between two messages: time is the input of this test.
  await new Promise((next) => setTimeout(next, 2_000));
  const moment = new Date();
  await new Promise((next) => setTimeout(next, 2_000));
  await place(121.41);
  await until('the second place', async () => Math.abs((await lon(page)) - 121.41) < 1e-6);

  await page.getByTestId('past-open').click();
  const two = (n) => String(n).padStart(2, '0');
  const local = `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}T${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}`;
  await page.getByTestId('past-at').fill(local);
  await page.getByTestId('past-at').press('Enter');
  await until('the first place again', async () => Math.abs((await lon(page)) - 121.39) < 1e-6);
  assert.deepEqual(await axe(page), [], 'axe finds nothing in the bar');
  await page.getByRole('button', { name: '×60' }).click();
  await page.getByTestId('past-play').click();
  await until('the second place, played', async () => Math.abs((await lon(page)) - 121.41) < 1e-6);
  await page.getByTestId('past-leave').click();
  await until('the present', async () => (await page.getByTestId('link-state').first().getAttribute('data-state')) === 'connected');
  assert.ok(Math.abs((await lon(page)) - 121.41) < 1e-6);
  await context.close();
});

const smell = async (h2s) => {
  const payload = JSON.stringify({ time: Date.now(), values: { h2s } });
  const result = await run('mosquitto_pub', ['-h', '127.0.0.1', '-p', String(hub.mqttPort), '-q', '1', '-t', 'greenhub/v1/plant/W-NOSE/reading', '-m', payload]);
  assert.equal(result.code, 0, result.stderr);
};

test('a row of a back-test opens the map as it was when the alarm would have come', async () => {
  for (const value of [0.01, 0.5, 0.01]) await smell(value);
  const { page, context, errors } = await login(browser, hub.url);
  const place = await page.evaluate(async () => {
    const { rules } = await (await fetch('/api/v1/rules')).json();
    return rules.limits.findIndex((one) => one.class === 'plant' && one.point === 'h2s' && one.severity === 'major');
  });
  await page.goto(`${hub.url}/changes/new`);
  // Without its delay the limit would have called at once.
  const delay = page.locator(`[data-path="/limits/${place}/on_delay_ms"]`);
  await delay.fill('0');
  await delay.press('Tab');
  await page.getByTestId('diff').waitFor();
  await page.getByTestId('change-title').fill('取消硫化氢触发延时');
  await page.getByTestId('change-reason').fill('现场复核');
  await page.getByTestId('change-save').click();
  await page.waitForURL(/\/changes\/\d+$/);
  await page.getByTestId('backtest-run').click();
  await page.locator('[data-testid="backtest"][data-state="done"]').waitFor({ timeout: 120_000 });
  const row = page.getByTestId('backtest-row').filter({ hasText: 'W-NOSE' }).first();
  const asked = page.url();
  await row.click();
  await page.waitForURL(/\/map\?.*past=\d+/);
  const query = new URL(page.url()).searchParams;
  assert.equal(query.get('sel'), 'device:W-NOSE');
  const age = Date.now() - Number(query.get('past'));
  assert.ok(age > 0 && age < 600_000, `the moment of the reading, ${age} ms ago`);
  await page.getByTestId('past-bar').waitFor();
  await until('the moment reached', async () => await page.getByTestId('past-play').isEnabled());
  await page.getByTestId('past-leave').click();
  await until('the present', async () => (await page.getByTestId('past-bar').count()) === 0);
  // From the request again: the same row opens the same moment.
  await page.goto(asked);
  await row.click();
  await page.getByTestId('past-bar').waitFor();
  assert.deepEqual(errors, []);
  await context.close();
});
