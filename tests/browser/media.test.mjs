// Picture and sound of a unit through the relay, between two real Chromiums: pictures are decoded and read back, tones are
// measured, a source that breaks and returns finds its viewer still there.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { run, startHub, until } from '../clients/kit.mjs';
import { axe, launch, login, screenshots } from './kit.mjs';

const UNIT = 'P-officer';
let hub, url, desk, field;

before(async () => {
  hub = await startHub();
  url = hub.url;
  const media = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--autoplay-policy=no-user-gesture-required',
    '--disable-features=WebRtcHideLocalIpsWithMdns'];
  [desk, field] = [await launch(media), await launch(media)];
  const fix = JSON.stringify({ time: Date.now(), lon: 121.4234, lat: 31.2201, battery_pct: 90 });
  const sent = await run('mosquitto_pub', ['-h', '127.0.0.1', '-p', String(hub.mqttPort), '-q', '1', '-t', `greenhub/v1/patrol/${UNIT}/position`, '-m', fix]);
  assert.equal(sent.code, 0, sent.stderr);
});
after(async () => { await desk?.close(); await field?.close(); await hub?.stop(); hub?.forget(); });

/** Sends from a page: a picture whose colour changes every half second, a tone, and what the desk says measured. */
async function send(page) {
  await page.evaluate(async (unit) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
    const pen = canvas.getContext('2d');
    let turn = 0;
    setInterval(() => { turn += 1; pen.fillStyle = turn % 2 ? '#e02020' : '#2020e0'; pen.fillRect(0, 0, 640, 360); }, 500);
    setInterval(() => { pen.fillStyle = '#fff'; pen.fillRect((Date.now() / 20) % 620, 170, 20, 20); }, 40);
    const sound = new AudioContext();
    const tone = new OscillatorNode(sound, { frequency: 1000 });
    const out = sound.createMediaStreamDestination();
    tone.connect(out);
    tone.start();
    const pc = new RTCPeerConnection();
    const video = pc.addTransceiver(canvas.captureStream(25).getVideoTracks()[0], { direction: 'sendonly' });
    video.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter((codec) => ['video/H264', 'video/rtx'].includes(codec.mimeType)));
    pc.addTransceiver(out.stream.getAudioTracks()[0], { direction: 'sendrecv' });
    const ear = new AnalyserNode(sound, { fftSize: 2048 });
    pc.ontrack = (event) => {
      if (event.track.kind !== 'audio') return;
      const stream = new MediaStream([event.track]);
      // Chromium moves remote sound only while an element plays it.
      Object.assign(new Audio(), { srcObject: stream, muted: true }).play();
      sound.createMediaStreamSource(stream).connect(ear);
    };
    await pc.setLocalDescription(await pc.createOffer());
    const answer = await fetch(`/api/v1/media/${unit}/whip`, {
      method: 'POST', headers: { 'Content-Type': 'application/sdp', 'X-Greenhub-Request': '1' }, body: pc.localDescription.sdp,
    });
    if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
    window.sessionPath = answer.headers.get('Location');
    await pc.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    window.sender = pc;
    window.loudest = () => {
      const bins = new Float32Array(ear.frequencyBinCount);
      ear.getFloatFrequencyData(bins);
      const top = bins.indexOf(Math.max(...bins));
      return { hz: (top * sound.sampleRate) / ear.fftSize, db: bins[top] };
    };
  }, UNIT);
}

/** The colour in the corner of the picture that a viewer has decoded, and how many pictures that were. */
const seen = (page) => page.evaluate(() => {
  const video = document.querySelector('[data-testid=live-video] video');
  if (!video || video.videoWidth === 0) return null;
  const canvas = Object.assign(document.createElement('canvas'), { width: 8, height: 8 });
  const pen = canvas.getContext('2d');
  pen.drawImage(video, 0, 0, 8, 8);
  const [red, , blue] = pen.getImageData(1, 1, 1, 1).data;
  return { colour: red > 150 && blue < 100 ? 'red' : blue > 150 && red < 100 ? 'blue' : 'other', pictures: video.getVideoPlaybackQuality().totalVideoFrames, width: video.videoWidth };
});
const flows = (page, what) => until(what, async () => {
  const colours = new Set();
  for (let look = 0; look < 12; look += 1) {
    colours.add((await seen(page))?.colour);
    await new Promise((done) => setTimeout(done, 150));
  }
  return colours.has('red') && colours.has('blue');
}, 40_000);

test('an officer sends, the dispatcher sees and hears, talks back, and outlives a broken source', async () => {
  const officer = await login(field, url, { username: 'officer', size: [390, 844] });
  await send(officer.page);
  const { page, context, errors, outside } = await login(desk, url);
  await page.goto(`${url}/map?sel=unit:${UNIT}`);
  await page.getByTestId('watch-unit').click();
  await flows(page, 'both colours of the source');
  assert.equal((await seen(page)).width > 0, true);
  await page.screenshot({ path: join(screenshots, 'media.png') });
  assert.deepEqual(await axe(page), []);

  // Who is watched sees who watches.
  const own = await officer.page.evaluate(async (unit) => (await fetch(`/api/v1/media/${unit}`)).json(), UNIT);
  assert.equal(own.state, 'live');
  assert.deepEqual(own.watchers.map((one) => one.by), ['dispatcher']);

  // Nobody speaks: silence. The dispatcher holds the button: Chromium's fake microphone beeps.
  const before = await officer.page.evaluate(() => window.loudest().db);
  assert.ok(before < -80, `silence before anybody speaks: ${before} dB`);
  const button = page.getByTestId('talk');
  await button.focus();
  await page.keyboard.down('Space');
  await until('the unit hears the desk', async () => (await officer.page.evaluate(() => window.loudest().db)) > -60, 20_000);
  await page.keyboard.up('Space');

  // Recorded on demand: listed, played in the page, proved, kept.
  await page.getByTestId('record').click();
  const list = page.getByTestId('recordings');
  const first = list.locator('[data-recording]').first();
  await first.waitFor({ timeout: 20_000 });
  await new Promise((done) => setTimeout(done, 3_000));
  await page.getByTestId('record').click();
  await until('it came to its end', async () => /完整/.test(await first.textContent()), 20_000);
  await first.click();
  const played = () => page.evaluate(() => {
    const video = document.querySelector('[data-testid=recording-play] video');
    return { width: video?.videoWidth ?? 0, seconds: video?.duration ?? 0, pictures: video?.getVideoPlaybackQuality().totalVideoFrames ?? 0, error: video?.error?.message ?? null };
  });
  await page.evaluate(() => document.querySelector('[data-testid=recording-play] video').play());
  await until('the recording plays', async () => { const now = await played(); assert.equal(now.error, null); return now.width > 0 && now.pictures > 10; }, 20_000);
  assert.ok((await played()).seconds > 2, JSON.stringify(await played()));
  await page.getByTestId('recording-verify').click();
  await page.getByTestId('recording-verdict').getByText('未被改动').waitFor();
  await page.getByTestId('recording-hold').click();
  await page.getByPlaceholder('留存事由').fill('案卷 2026-1');
  await page.keyboard.press('Enter');
  await first.getByText('已留存').waitFor();
  await page.screenshot({ path: join(screenshots, 'recordings.png') });
  assert.deepEqual(await axe(page), []);

  // The source breaks without goodbye and returns: the same viewer sees it again.
  await officer.page.reload();
  await send(officer.page);
  await flows(page, 'both colours again');
  assert.deepEqual(errors, []);
  assert.deepEqual(outside, []);
  await context.close();
  await officer.context.close();
});

test('the phone goes live with one button, knows who watches, and stops', async () => {
  const context = await field.newContext({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, locale: 'zh-CN', permissions: ['camera', 'microphone', 'geolocation'] });
  const phone = await context.newPage();
  const errors = [];
  phone.on('pageerror', (error) => errors.push(String(error)));
  await phone.goto(`${url}/m/mine`);
  await phone.getByTestId('login-username').fill('officer');
  await phone.getByTestId('login-password').fill('greenhub-demo');
  await phone.getByTestId('login-submit').click();
  await phone.getByTestId('go-live').tap();
  await phone.locator('[data-testid=air][data-state=live]').waitFor();
  await phone.getByTestId('air-watchers').getByText('现在无人观看').waitFor();

  const watcher = await login(desk, url);
  await watcher.page.goto(`${url}/map?sel=unit:${UNIT}`);
  await watcher.page.getByTestId('watch-unit').click();
  await until('pictures of the phone', async () => (await seen(watcher.page))?.pictures > 20, 40_000);
  await phone.getByTestId('air-watchers').getByText('正在观看：dispatcher').waitFor();
  await phone.screenshot({ path: join(screenshots, 'phone-live.png'), fullPage: true });
  assert.deepEqual(await axe(phone), []);

  await phone.getByTestId('stop-live').tap();
  await phone.getByTestId('go-live').waitFor();
  await watcher.page.getByTestId('live-video').getByText('等待单兵开始回传').waitFor();
  assert.deepEqual(errors, []);
  assert.deepEqual(watcher.errors, []);
  await watcher.context.close();
  await context.close();
});

test('who does not carry a unit cannot send for it, and nobody watches without the right', async () => {
  const { page, context } = await login(field, url, { username: 'crew', size: [390, 844] });
  const post = (path, type = 'application/sdp') => page.evaluate(async ([path, type]) => {
    const answer = await fetch(path, { method: 'POST', headers: { 'Content-Type': type, 'X-Greenhub-Request': '1' }, body: 'v=0\r\n' });
    return { status: answer.status, body: await answer.json() };
  }, [path, type]);
  assert.equal((await post(`/api/v1/media/${UNIT}/whip`)).status, 403);
  assert.equal((await post(`/api/v1/media/${UNIT}/whep`)).status, 403);
  const nonsense = await post('/api/v1/media/P-crew/whip');
  assert.equal(nonsense.status, 422, JSON.stringify(nonsense.body));
  assert.equal((await post('/api/v1/media/P-crew/whip', 'text/plain')).status, 415);
  await context.close();
});
