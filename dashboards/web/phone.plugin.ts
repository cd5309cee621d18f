/** Build steps of the phone app: the list of its files for the service worker, and its pages while developing. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const PAGE = 'm.html'
const WORKER = 'm-sw.js'
/** Files of `public/` that the shell shows. */
const PUBLIC = ['/favicon.svg', '/m.webmanifest', '/icons/phone-192.png']

export function phone(): Plugin {
  return {
    name: 'greenhub-phone',
    enforce: 'post',
    configureServer(server) {
      server.middlewares.use((request, _, next) => {
        const path = request.url?.split('?')[0] ?? ''
        if (/^\/m(\/[^.]*)?$/.test(path)) request.url = `/${PAGE}`
        next()
      })
    },
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const worker = bundle[WORKER]
        const page = bundle[PAGE]
        if (worker?.type !== 'chunk' || page?.type !== 'asset') throw new Error(`the build has no ${WORKER} or ${PAGE}`)
        const files = new Set<string>()
        const visit = (name: string): void => {
          if (files.has(name)) return
          files.add(name)
          const part = bundle[name]
          if (part?.type !== 'chunk') return
          const styles = (part as { viteMetadata?: { importedCss: Set<string>; importedAssets: Set<string> } }).viteMetadata
          for (const next of [...part.imports, ...part.dynamicImports, ...(styles?.importedCss ?? []), ...(styles?.importedAssets ?? [])]) visit(next)
        }
        const entry = Object.values(bundle).find((part) => part.type === 'chunk' && part.isEntry && part.facadeModuleId?.endsWith(PAGE))
        if (entry === undefined) throw new Error(`the build has no entry for ${PAGE}`)
        visit(entry.fileName)
        // Styles that only the page itself links.
        for (const [, name] of String(page.source).matchAll(/href="\/(assets\/[^"]+\.css)"/g)) if (name !== undefined) files.add(name)
        const list = [...[...files].sort().map((name) => `/${name}`), `/${PAGE}`, ...PUBLIC]
        const version = createHash('sha256').update(list.join('\n')).update(String(page.source)).update(worker.code).digest('hex').slice(0, 12)
        const push = existsSync(fileURLToPath(new URL('./public/push-sw.js', import.meta.url))) ? '/push-sw.js' : ''
        worker.code = worker.code
          .replaceAll('__SHELL__', JSON.stringify({ version, files: list }))
          .replaceAll('__PUSH__', JSON.stringify(push))
      },
    },
  }
}
