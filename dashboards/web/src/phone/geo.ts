/**
 * Places for a person on the street: how far, which way, and the links that hand a destination to a navigation app.
 *
 * The hub knows WGS-84 only. Chinese map apps expect GCJ-02 (half a kilometre off here), so the shift is applied in the
 * link and nowhere else; it is the same published formula as `model::geodesy`, held against the same figures by a test.
 */

export interface LonLat {
  lon: number
  lat: number
}

const EARTH_M = 6_371_008.8
const rad = (deg: number): number => (deg * Math.PI) / 180

/** Metres along the great circle. */
export function distanceM(a: LonLat, b: LonLat): number {
  const dLat = rad(b.lat - a.lat)
  const dLon = rad(b.lon - a.lon)
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(rad(a.lat)) * Math.cos(rad(b.lat)) * Math.sin(dLon / 2) ** 2
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(h)))
}

const AXIS_M = 6_378_245
const ECCENTRICITY2 = 0.00669342162296594323

function shift(x: number, y: number): { x: number; y: number } {
  const wave = (20 * Math.sin(6 * x * Math.PI) + 20 * Math.sin(2 * x * Math.PI)) * (2 / 3)
  const north =
    -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * Math.sqrt(Math.abs(x)) + wave +
    (20 * Math.sin(y * Math.PI) + 40 * Math.sin((y / 3) * Math.PI)) * (2 / 3) +
    (160 * Math.sin((y / 12) * Math.PI) + 320 * Math.sin((y * Math.PI) / 30)) * (2 / 3)
  const east =
    300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * Math.sqrt(Math.abs(x)) + wave +
    (20 * Math.sin(x * Math.PI) + 40 * Math.sin((x / 3) * Math.PI)) * (2 / 3) +
    (150 * Math.sin((x / 12) * Math.PI) + 300 * Math.sin((x / 30) * Math.PI)) * (2 / 3)
  return { x: east, y: north }
}

/** WGS-84 to GCJ-02; outside China the two are the same. */
export function toGcj02({ lon, lat }: LonLat): LonLat {
  if (lon < 72.004 || lon > 137.8347 || lat < 0.8293 || lat > 55.8271) return { lon, lat }
  const d = shift(lon - 105, lat - 35)
  const magic = 1 - ECCENTRICITY2 * Math.sin(rad(lat)) ** 2
  const root = Math.sqrt(magic)
  return {
    lon: lon + (d.x * 180) / ((AXIS_M / root) * Math.cos(rad(lat)) * Math.PI),
    lat: lat + (d.y * 180) / (((AXIS_M * (1 - ECCENTRICITY2)) / (magic * root)) * Math.PI),
  }
}

export type NavigationApp = 'amap' | 'baidu' | 'tencent' | 'apple' | 'system'

/** Links that open a route in another app; the person leaves by their own tap, the page itself asks nobody. */
export function navigationLinks(to: LonLat, name: string): Record<NavigationApp, string> {
  const shifted = toGcj02(to)
  const at = (p: LonLat) => `${p.lat.toFixed(6)},${p.lon.toFixed(6)}`
  const label = encodeURIComponent(name.replace(/[,()]/g, ' ').slice(0, 40))
  return {
    amap: `https://uri.amap.com/navigation?to=${shifted.lon.toFixed(6)},${shifted.lat.toFixed(6)},${label}&mode=car&coordinate=gaode&callnative=1`,
    baidu: `baidumap://map/direction?destination=latlng:${at(shifted)}|name:${label}&coord_type=gcj02&mode=driving&src=greenhub`,
    tencent: `qqmap://map/routeplan?type=drive&tocoord=${at(shifted)}&to=${label}`,
    apple: `https://maps.apple.com/?daddr=${at(shifted)}&dirflg=d`,
    // Android's own chooser takes WGS-84.
    system: `geo:${at(to)}?q=${at(to)}(${label})`,
  }
}

/** Which apps make sense on this device. */
export function appsFor(userAgent: string): NavigationApp[] {
  if (/iPhone|iPad|Macintosh/.test(userAgent)) return ['amap', 'baidu', 'tencent', 'apple']
  return ['amap', 'baidu', 'tencent', 'system']
}
