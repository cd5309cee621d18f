import { describe, expect, test } from 'vitest'
import { appsFor, distanceM, navigationLinks, toGcj02 } from './geo'

describe('GCJ-02, the figures of model::geodesy', () => {
  const rows: [number, number, number, number][] = [
    [121.473701, 31.230416, 121.478224057, 31.228473742],
    [121.4455, 31.2234, 121.450101236, 31.221520383],
    [121.88, 31.045, 121.884111914, 31.042713536],
    [2.35, 48.85, 2.35, 48.85],
  ]
  test.each(rows)('%f, %f', (lon, lat, shiftedLon, shiftedLat) => {
    const shifted = toGcj02({ lon, lat })
    expect(shifted.lon).toBeCloseTo(shiftedLon, 8)
    expect(shifted.lat).toBeCloseTo(shiftedLat, 8)
  })
})

test('distance between two squares', () => {
  expect(distanceM({ lon: 121.473701, lat: 31.230416 }, { lon: 121.4455, lat: 31.2234 })).toBeCloseTo(2792.68, 1)
})

test('navigation apps get shifted places, the system chooser does not, and a name cannot break the link', () => {
  const links = navigationLinks({ lon: 121.473701, lat: 31.230416 }, '南京西路 (1515号), 静安&x=1')
  expect(links.amap).toContain('to=121.478224,31.228474,')
  expect(links.amap).toContain('%26x%3D1')
  expect(links.baidu).toContain('latlng:31.228474,121.478224|')
  expect(links.system).toContain('geo:31.230416,121.473701')
  expect(links.system.split('(')).toHaveLength(2)
})

test('apple maps is offered on an iPhone only', () => {
  expect(appsFor('Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)')).toContain('apple')
  expect(appsFor('Mozilla/5.0 (Linux; Android 14)')).not.toContain('apple')
})
