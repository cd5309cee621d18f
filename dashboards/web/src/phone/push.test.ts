import { expect, test } from 'vitest'
import { appPath } from './push'

test.each([
  ['/m/orders/O-1', '/orders/O-1'],
  ['/orders/O-1?x=1', '/orders/O-1'],
  ['/map?order=O-2', '/orders/O-2'],
  ['/alarms/A-1', '/messages'],
  ['/', '/messages'],
])('a notice of %s opens %s', (url, path) => expect(appPath(url)).toBe(path))
