import vue from '@vitejs/plugin-vue'
import { fileURLToPath, URL } from 'node:url'
import { defineConfig } from 'vitest/config'
import { phone } from './phone.plugin'

/** Where `npm run dev` finds a hub; the built pages are served by the hub itself. */
const hub = process.env.GREENHUB_URL ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [vue(), phone()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  // MapLibre 6 loads its worker as a module; without this the map stays blank without an error.
  worker: { format: 'es' },
  define: { __VUE_I18N_FULL_INSTALL__: false, __VUE_I18N_LEGACY_API__: false, __INTLIFY_PROD_DEVTOOLS__: false },
  build: {
    assetsInlineLimit: 0,
    target: ['chrome100', 'safari16'],
    sourcemap: false,
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      // Two pages of their own, so that a phone loads nothing of the console; the worker keeps its name.
      input: { main: 'index.html', phone: 'm.html', 'm-sw': 'src/phone/sw.ts' },
      output: { entryFileNames: (chunk) => (chunk.name === 'm-sw' ? 'm-sw.js' : 'assets/[name]-[hash].js') },
    },
  },
  server: { proxy: { '/api': { target: hub, ws: true }, '/healthz': hub, '/readyz': hub } },
  test: { environment: 'node', include: ['src/**/*.test.ts'] },
})
