// The dispatcher's desk in real Chromium: the whole life of an order (the phone's acts by API), the keyboard only, drags, rules, axe.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { run, startHub, until } from '../clients/kit.mjs';
import { axe, launch, login, screenshots } from './kit.mjs';

let hub, browser, url;
before(async () => {
  hub = await startHub();
  url = hub.url;
  browser = await launch();
});
after(async () => { await browser?.close(); await hub?.stop(); hub?.forget(); });

/** A program that is logged in as somebody. */
async function api(username) {
  const head = { 'content-type': 'application/json', 'x-greenhub-request': '1' };
  const session = await fetch(`${url}/api/v1/session`, { method: 'POST', headers: head, body: JSON.stringify({ username, password: 'greenhub-demo' }) });
  const { token } = await session.json();
  return async (method, path, body) => {
    const answer = await fetch(`${url}/api/v1${path}`, { method, headers: { ...head, authorization: `Bearer ${token}` }, body: body && JSON.stringify(body) });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
}
let requests = 0;
const act = (call, order, event) => call('POST', `/orders/${order}/acts`, { request_id: `phone-${requests++}`, event });
const alarm = async (device) => {
  const message = { time: Date.now(), code: 'OVER_TEMPERATURE', active: true, severity: 'critical', value: 91.5 };
  const sent = await run('mosquitto_pub', ['-h', '127.0.0.1', '-p', String(hub.mqttPort), '-q', '1', '-t', `greenhub/v1/charger/${device}/alarm`, '-m', JSON.stringify(message)]);
  assert.equal(sent.code, 0, sent.stderr);
};
const open = (call, title, more = {}) => call('POST', '/orders', {
  request_id: `open-${requests++}`, file: true,
  form: { source: 'desk', title, priority: 'P2', place: { lon: 121.4, lat: 31.21, address: '云杉路 18 号' }, ...more },
});

test('an order lives its whole life at the desk', async () => {
  const { page, context, errors, outside } = await login(browser, url);
  const phone = await api('crew');
  await page.goto(`${url}/orders/new`);
  await page.getByTestId('new-submit').click();
  await page.getByTestId('new-problems').waitFor();
  await page.getByTestId('new-title').fill('云杉路 18 号垃圾箱满溢');
  await page.getByTestId('code-search').first().fill('06042');
  await page.getByTestId('code-option').first().click();
  await page.getByTestId('new-lon').fill('121.401');
  await page.getByTestId('new-lat').fill('31.211');
  await page.getByTestId('new-address').fill('云杉路 18 号');
  await page.getByTestId('new-submit').click();
  const body = page.getByTestId('order-body');
  const stands = (state) => until(`the order ${state}`, async () => (await body.getAttribute('data-state')) === state);
  await stands('reported');
  const id = await body.getAttribute('data-order-id');
  await page.locator('[data-act="file"]').click();
  await page.getByTestId('act-text').fill('已电话核实');
  await page.getByTestId('act-send').click();
  await stands('filed');
  await page.getByTestId('candidate-other').selectOption('p:crew');
  await page.getByTestId('candidates').getByRole('button', { name: '派遣', exact: true }).last().click();
  await stands('dispatched');
  await act(phone, id, { act: 'accept' });
  await stands('accepted');
  await page.locator('[data-act="urge"]').click();
  await page.getByTestId('act-text').fill('居民在等');
  await page.getByTestId('act-send').click();
  await act(phone, id, { act: 'arrive', lon: 121.401, lat: 31.211 });
  await act(phone, id, { act: 'finish', text: '已清运', attachments: [] });
  await stands('finished');
  await page.getByTestId('photo-pairs').waitFor();
  await page.locator('[data-act="rework"]').click();
  await page.getByTestId('act-reason').fill('地面未冲洗');
  await page.getByTestId('act-send').click();
  await stands('in_progress');
  await act(phone, id, { act: 'finish', text: '已冲洗', attachments: [] });
  await stands('finished');
  await page.locator('[data-act="pass"]').click();
  await page.getByTestId('act-text').fill('现场整洁');
  await page.getByTestId('act-send').click();
  await stands('closed');
  await page.goto(`${url}/orders/${id}`);
  await page.getByTestId('trace').waitFor();
  const acts = await page.getByTestId('trace').locator('li').evaluateAll((all) => all.map((one) => one.dataset.act));
  for (const wanted of ['open', 'file', 'dispatch', 'accept', 'urge', 'arrive', 'finish', 'rework', 'pass']) assert.ok(acts.includes(wanted), `${wanted} in ${acts}`);
  assert.match(await page.getByTestId('trace').innerText(), /地面未冲洗/);
  await page.screenshot({ path: join(screenshots, 'order-closed.png') });
  assert.deepEqual(errors, []);
  assert.deepEqual(outside, [], 'no request leaves our origin');
  await context.close();
});

test('from a new alarm to a dispatched order in two keys, and back with one', async () => {
  const { page, context } = await login(browser, url);
  const phone = await api('crew');
  await phone('POST', '/me/shift', { on: true, request_id: 'shift' });
  await page.goto(`${url}/map`);
  await alarm('K-PILE');
  const desk = await api('dispatcher');
  const order = await until('the order of the alarm', async () => (await desk('GET', '/orders?state=filed')).items.find((one) => one.device === 'K-PILE'));
  await page.locator(`[data-alarm-id="${order.alarm}"]`).first().waitFor();
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press('d');
  await page.getByTestId('candidates').waitFor();
  assert.equal(await page.getByTestId('order-body').getAttribute('data-order-id'), order.id);
  await page.keyboard.press('1');
  await until('the order dispatched', async () => (await desk('GET', `/orders/${order.id}`)).order.state === 'dispatched');
  await page.getByTestId('undo').waitFor();
  await page.screenshot({ path: join(screenshots, 'map-dispatched.png') });
  await page.keyboard.press('z');
  await until('the order taken back', async () => (await desk('GET', `/orders/${order.id}`)).order.state === 'filed');
  await context.close();
});

test('an order dragged onto a person and a person onto an order, the verb asked after', async () => {
  const { page, context } = await login(browser, url);
  const desk = await api('dispatcher');
  const [first, second] = [await open(desk, '拖动甲'), await open(desk, '拖动乙')];
  await page.goto(`${url}/orders/staff`);
  const person = page.locator('[data-drop="person:crew"]').first();
  await page.getByLabel('显示休班').check();
  await person.waitFor();
  const row = (id) => page.locator(`[data-testid="order-row"][data-order-id="${id}"]`);
  const drag = async (from, to) => {
    const [a, b] = [await from.boundingBox(), await to.boundingBox()];
    await page.mouse.move(a.x + 30, a.y + a.height / 2);
    await page.mouse.down();
    await page.mouse.move(b.x + 40, b.y + b.height / 2, { steps: 8 });
    await page.mouse.up();
    await page.getByTestId('verbs').waitFor();
  };
  await drag(row(first.id), person);
  await page.getByTestId('verb-assign').click();
  await until('assigned, not sent', async () => { const { order } = await desk('GET', `/orders/${first.id}`); return order.assignee === 'crew' && order.state === 'filed'; });
  await drag(person, row(second.id));
  await page.getByTestId('verb-dispatch').click();
  await until('sent', async () => { const { order } = await desk('GET', `/orders/${second.id}`); return order.assignee === 'crew' && order.state === 'dispatched'; });
  await context.close();
});

test('rules refuse nonsense at its place and keep every version', async () => {
  const { page, context } = await login(browser, url, { username: 'admin' });
  await page.goto(`${url}/orders/rules?part=calendar`);
  const share = page.getByTestId('rules-warn_share');
  await share.fill('7');
  await share.press('Tab');
  await page.getByTestId('rules-save').click();
  await page.getByTestId('rule-problem').first().waitFor();
  await share.fill('0.6');
  await share.press('Tab');
  await page.getByTestId('rules-save').click();
  await page.getByText('已保存为第 2 版').waitFor();
  await page.locator('[data-part-link="versions"]').click();
  await page.getByTestId('rules-version').nth(1).waitFor();
  await context.close();
});

test('axe finds nothing serious on any view of dispatch', async () => {
  const found = [];
  const desk = await api('dispatcher');
  const reported = await desk('POST', '/orders', { request_id: 'axe', form: { source: 'citizen', title: '待受理的一单', priority: 'P3', place: { lon: 121.4, lat: 31.21 } } });
  const filed = await open(desk, '待派遣的一单');
  const views = ['/orders', `/orders?view=review&sel=${reported.id}`, `/orders?view=queue&sel=${filed.id}`, '/orders?view=wishes', '/orders?view=history', '/orders/new', '/orders/staff',
    '/orders/plan', '/orders/statistics', '/orders/rules', '/orders/rules?part=members', '/orders/rules?part=calendar', '/orders/codes', `/orders/${filed.id}`, `/map?tab=orders&sel=order:${filed.id}`, '/map?tab=staff'];
  for (const size of [[1920, 1080], [1366, 768]]) {
    const { page, context } = await login(browser, url, { username: 'admin', size });
    for (const path of views) {
      await page.goto(url + path);
      await page.waitForLoadState('networkidle').catch(() => {});
      for (const finding of await axe(page)) found.push(`${path} ${size.join('x')}: ${finding}`);
      await page.screenshot({ path: join(screenshots, `dispatch${path.replace(/[^a-z]+/g, '-')}-${size[0]}.png`) });
    }
    await context.close();
  }
  assert.deepEqual(found, []);
});
