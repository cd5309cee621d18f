/** GLSL of the mark and track programs. The motion formula is that of `Marks.placeAt`. */
export const MARK_VERTEX = `#version 300 es
layout(location = 0) in vec2 a_place;
layout(location = 1) in vec2 a_velocity;
layout(location = 2) in vec2 a_error;
layout(location = 3) in float a_since;
layout(location = 4) in vec4 a_rgba;
layout(location = 5) in uvec4 a_look; // icon, size, flags, heading/256
uniform mat4 u_local;
uniform vec2 u_viewport;
uniform float u_time;
uniform vec4 u_radii;
uniform float u_bearing;
uniform int u_pass;
out vec2 v_px;
flat out float v_radius;
flat out float v_half;
flat out vec4 v_rgba;
flat out uvec2 v_look;
flat out vec2 v_heading;

void main() {
  uint flags = a_look.z;
  bool emphasis = (flags & 144u) != 0u;
  if ((flags & 64u) != 0u || (u_pass == 1) != emphasis) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    return;
  }
  float since = max(0.0, u_time - a_since);
  float u = min(1.0, since / 0.3);
  vec2 place = a_place + a_velocity * min(since, 2.0) + a_error * (1.0 - u * u * (3.0 - 2.0 * u));
  float radius = u_radii[a_look.y];
  if (emphasis) radius = max(radius, 8.0);
  // The quad is no larger than what is drawn: 3,000 lamps are 3,000 small quads, and pixels are the cost.
  float spread = radius + 2.0;
  if ((flags & 1u) != 0u) spread = radius * 1.25 + 7.5;
  if ((flags & 48u) != 0u) spread = max(spread, radius + 8.0);
  if ((flags & 2u) != 0u) spread = radius * 3.6;
  vec2 corner = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1)) * 2.0 - 1.0;
  vec4 clip = u_local * vec4(place, 0.0, 1.0);
  clip.xy += corner * spread * 2.0 / u_viewport * clip.w;
  clip.z = 0.0;
  gl_Position = clip;
  float turn = float(a_look.w) / 256.0 * 6.2831853 - u_bearing;
  v_px = corner * spread;
  v_radius = radius;
  v_half = spread;
  v_rgba = a_rgba;
  v_look = a_look.xz;
  v_heading = vec2(sin(turn), cos(turn));
}`

export const MARK_FRAGMENT = `#version 300 es
precision highp float;
in vec2 v_px;
flat in float v_radius;
flat in float v_half;
flat in vec4 v_rgba;
flat in uvec2 v_look;
flat in vec2 v_heading;
uniform sampler2D u_atlas;
uniform vec3 u_border;
uniform vec3 u_glyph;
uniform vec3 u_selected;
uniform float u_time;
uniform float u_animate;
uniform float u_soft; // half a device pixel, in CSS pixels
out vec4 color;

float rounded(vec2 p, vec2 half_size, float corner) {
  vec2 q = abs(p) - half_size + corner;
  return length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - corner;
}

float body(uint icon, vec2 p, float r) {
  if (icon == 1u) return rounded(p, vec2(r * 0.94), r * 0.34);
  if (icon == 2u) { // hexagon, point up
    vec2 q = abs(p);
    return max(q.x * 0.866 + q.y * 0.5, q.x) - r * 0.93;
  }
  if (icon == 3u) return rounded(p, vec2(r * 0.74, r * 0.92), r * 0.28);
  if (icon == 4u) return (abs(p.x) + abs(p.y)) * 0.7071 - r * 0.86;
  if (icon == 5u) return rounded(p, vec2(r * 0.95, r * 0.72), r * 0.2);
  return length(p) - r;
}

void over(inout vec4 below, vec3 rgb, float alpha) {
  below = vec4(rgb * alpha + below.rgb * (1.0 - alpha), alpha + below.a * (1.0 - alpha));
}

float cover(float distance) {
  return 1.0 - smoothstep(-u_soft, u_soft, distance);
}

void main() {
  uint icon = v_look.x;
  uint flags = v_look.y;
  float r = v_radius;
  vec3 fill = v_rgba.rgb;
  vec4 sum = vec4(0.0);
  float outer = length(v_px);
  float d = body(icon, v_px, r);

  if ((flags & 2u) != 0u) { // SOS
    float phase = u_animate > 0.5 ? fract(u_time * 0.8) : 0.55;
    float ring = mix(r, v_half - 2.0, phase);
    over(sum, fill, cover(abs(outer - ring) - 2.2) * (1.0 - phase));
    over(sum, fill, cover(outer - ring) * 0.22 * (1.0 - phase));
  }
  if ((flags & 32u) != 0u) { // unacknowledged
    float lit = u_animate > 0.5 ? step(0.5, fract(u_time)) : 1.0;
    over(sum, fill, cover(abs(d - 4.6) - 1.3) * lit);
  }
  if ((flags & 16u) != 0u) {
    over(sum, u_border, cover(abs(d - 4.6) - 2.6));
    over(sum, u_selected, cover(abs(d - 4.6) - 1.6));
  }
  if ((flags & 1u) != 0u) { // heading
    vec2 q = vec2(dot(v_px, vec2(v_heading.y, -v_heading.x)), dot(v_px, v_heading));
    float tip = r * 1.25 + 5.5;
    float wedge = max(abs(q.x) - (tip - q.y) * 0.72, r * 0.4 - q.y);
    over(sum, u_border, cover(wedge - 1.2));
    over(sum, fill, cover(wedge));
  }
  float edge = r < 3.0 ? 0.4 : r < 6.0 ? 0.9 : 1.5;
  over(sum, u_border, cover(d - edge) * (r < 3.0 ? 0.6 : 1.0));
  if ((flags & 4u) != 0u) {
    over(sum, fill, cover(abs(d + 0.9) - max(0.5, min(0.9, r * 0.25))));
  } else {
    over(sum, fill, cover(d));
  }
  if (r > 5.5) {
    vec2 uv = v_px / (r * 1.5) + 0.5;
    if (all(greaterThan(uv, vec2(0.0))) && all(lessThan(uv, vec2(1.0)))) {
      vec2 cell = vec2(float(icon & 3u), float(icon >> 2u));
      vec2 at = (cell + vec2(uv.x, 1.0 - uv.y)) / vec2(4.0, 2.0);
      over(sum, (flags & 4u) != 0u ? fill : u_glyph, texture(u_atlas, at).a);
    }
  }
  if ((flags & 8u) != 0u) sum *= 0.5;
  if (sum.a < 0.004) discard;
  color = sum;
}`

export const TRACK_VERTEX = `#version 300 es
layout(location = 0) in vec4 a_ends;
uniform mat4 u_local;
uniform vec2 u_viewport;
uniform float u_width;
uniform float u_count;
out float v_across;
out float v_fresh;

void main() {
  vec4 a = u_local * vec4(a_ends.xy, 0.0, 1.0);
  vec4 b = u_local * vec4(a_ends.zw, 0.0, 1.0);
  vec2 along = (b.xy / b.w - a.xy / a.w) * u_viewport;
  vec2 unit = length(along) > 0.0001 ? normalize(along) : vec2(1.0, 0.0);
  vec2 normal = vec2(-unit.y, unit.x);
  bool far = (gl_VertexID & 1) == 1;
  float side = (gl_VertexID >> 1) == 1 ? 1.0 : -1.0;
  vec4 clip = far ? b : a;
  vec2 grow = normal * side + unit * (far ? 0.5 : -0.5);
  clip.xy += grow * u_width / u_viewport * clip.w;
  clip.z = 0.0;
  gl_Position = clip;
  v_across = side;
  v_fresh = (float(gl_InstanceID) + 1.0) / u_count;
}`

export const TRACK_FRAGMENT = `#version 300 es
precision highp float;
in float v_across;
in float v_fresh;
uniform vec3 u_rgb;
out vec4 color;
void main() {
  float alpha = (1.0 - smoothstep(0.6, 1.0, abs(v_across))) * mix(0.35, 0.95, v_fresh);
  color = vec4(u_rgb * alpha, alpha);
}`
