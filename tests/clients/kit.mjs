// Starts the real hub for client and browser tests; ends only what it started.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const binary = process.env.GREENHUB_TEST_BINARY ?? join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'debug/greenhub');

/** Starts a demo hub; `args` go to the command line, `data` keeps a directory over restarts. */
export async function startHub({ args = [], data = mkdtempSync(join(tmpdir(), 'greenhub-')), ports = [0, 0], simulator = false } = {}) {
  const child = spawn(binary, [
    'serve', '--demo', ...(simulator ? [] : ['--no-simulator']), '--data', data,
    '--http', `127.0.0.1:${ports[0]}`, '--mqtt', `127.0.0.1:${ports[1]}`, ...args,
  ], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk) => { errors = (errors + chunk).slice(-20_000); });
  const ready = await new Promise((yes, no) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const line = /^greenhub ready http=(\S+) mqtt=(\S+)/m.exec(text);
      if (line) yes({ http: line[1], mqtt: line[2] });
    });
    child.on('exit', (code) => no(new Error(`the hub ended with ${code} before it was ready:\n${errors}`)));
  });
  const port = (address) => Number(address.split(':').pop());
  return {
    ...ready, data, httpPort: port(ready.http), mqttPort: port(ready.mqtt), url: `http://${ready.http}`,
    errors: () => errors,
    stop: (signal = 'SIGTERM') => new Promise((done) => {
      child.removeAllListeners('exit');
      if (child.exitCode !== null) return done();
      child.on('exit', () => done());
      child.kill(signal);
    }),
    forget: () => rmSync(data, { recursive: true, force: true }),
  };
}

/** Runs a program to its end. Its input is a pipe only when there is some: a program that never reads may be gone before. */
export function run(command, args, { input } = {}) {
  return new Promise((done, no) => {
    const child = spawn(command, args, { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
    let stdout = '', stderr = '';
    child.stdout.on('data', (chunk) => { stdout += chunk; });
    child.stderr.on('data', (chunk) => { stderr += chunk; });
    child.on('error', no);
    child.on('close', (code) => done({ code, stdout, stderr }));
    if (input !== undefined) child.stdin.end(input);
  });
}

/** Asks until the condition answers; throws after `ms`. */
export async function until(what, condition, ms = 60_000) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain for: ${what}`);
    await new Promise((next) => setTimeout(next, 50));
  }
}
