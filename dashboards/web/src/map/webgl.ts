/**
 * The marks on an own transparent WebGL2 canvas above the map: one upload per changed buffer and at most three draws
 * of points per buffer (wedges, ordinary marks, then what stands out), whatever the number of marks. A move of a unit never repaints the
 * basemap. A lost context is rebuilt from the marks' arrays, which are the truth.
 */
import { drawSprites } from './atlas'
import { STRIDE, type Marks } from './marks'
import { fitCanvas, type Frame, type MarkRenderer, type TrackLine } from './renderer'
import { MARK_FRAGMENT, MARK_VERTEX, PLAIN_FRAGMENT, PLAIN_VERTEX, TRACK_FRAGMENT, TRACK_VERTEX } from './shaders'

interface Uploaded {
  buffer: WebGLBuffer
  array: WebGLVertexArrayObject
  bytes: number
}

interface Program {
  program: WebGLProgram
  at: (name: string) => WebGLUniformLocation | null
}

interface Resources {
  plain: Program
  marks: Program
  track: Program
  trackBuffer: WebGLBuffer
  trackArray: WebGLVertexArrayObject
  layers: Map<Marks, Uploaded>
}

export class WebglRenderer implements MarkRenderer {
  readonly canvas: HTMLCanvasElement
  readonly kind = 'webgl2'
  private readonly gl: WebGL2RenderingContext
  private resources: Resources | null
  private losses = 0

  /** Null where there is no WebGL2. `onGone` is called when the context is lost for the second time. */
  static create(onGone: () => void): WebglRenderer | null {
    const canvas = document.createElement('canvas')
    const gl = canvas.getContext('webgl2', {
      alpha: true,
      antialias: false,
      depth: false,
      premultipliedAlpha: true,
      powerPreference: 'high-performance',
    })
    if (gl === null) return null
    try {
      return new WebglRenderer(canvas, gl, onGone)
    } catch (error) {
      console.warn('marks: WebGL2 program refused, drawing flat', error)
      return null
    }
  }

  private constructor(canvas: HTMLCanvasElement, gl: WebGL2RenderingContext, onGone: () => void) {
    this.canvas = canvas
    this.gl = gl
    this.resources = build(gl)
    canvas.addEventListener('webglcontextlost', (event) => {
      event.preventDefault()
      this.resources = null
      this.losses += 1
      if (this.losses >= 2) onGone()
    })
    canvas.addEventListener('webglcontextrestored', () => {
      this.resources = build(gl)
    })
  }

  draw(frame: Frame, layers: readonly Marks[], track: TrackLine): void {
    const res = this.resources
    if (res === null) return
    const gl = this.gl
    fitCanvas(this.canvas, frame)
    gl.viewport(0, 0, this.canvas.width, this.canvas.height)
    gl.clearColor(0, 0, 0, 0)
    gl.clear(gl.COLOR_BUFFER_BIT)
    gl.enable(gl.BLEND)
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA)

    this.drawTrack(res, frame, track)

    for (const layer of layers) this.upload(res, layer)
    this.begin(res.plain, frame)
    for (const layer of layers) {
      // The wedge lies under its mark; whoever stands still has none, and then the draw is not made.
      for (const wedge of layer.headed ? [1, 0] : [0]) {
        gl.uniform1i(res.plain.at('u_wedge'), wedge)
        this.points(res, layer)
      }
    }
    this.begin(res.marks, frame)
    gl.uniform1f(res.marks.at('u_animate'), frame.animate ? 1 : 0)
    gl.uniform1f(res.marks.at('u_soft'), 0.7 / frame.dpr)
    gl.uniform3fv(res.marks.at('u_selected'), frame.palette.selected.map((c) => c / 255))
    for (const layer of layers) if (layer.loud) this.points(res, layer)
    gl.bindVertexArray(null)
  }

  private begin({ program, at }: Program, frame: Frame): void {
    const gl = this.gl
    gl.useProgram(program)
    gl.uniformMatrix4fv(at('u_local'), false, frame.local)
    gl.uniform1f(at('u_dpr'), frame.dpr)
    gl.uniform2f(at('u_viewport'), frame.width, frame.height)
    gl.uniform1f(at('u_time'), frame.time)
    gl.uniform4f(at('u_radii'), ...frame.radii)
    gl.uniform1f(at('u_bearing'), (frame.bearing_deg * Math.PI) / 180)
    gl.uniform3fv(at('u_border'), frame.palette.border.map((c) => c / 255))
    gl.uniform3fv(at('u_glyph'), frame.palette.glyph.map((c) => c / 255))
  }

  private points(res: Resources, layer: Marks): void {
    const uploaded = res.layers.get(layer)
    if (uploaded === undefined || layer.count === 0) return
    this.gl.bindVertexArray(uploaded.array)
    this.gl.drawArrays(this.gl.POINTS, 0, layer.count)
  }

  private drawTrack(res: Resources, frame: Frame, track: TrackLine): void {
    const gl = this.gl
    const count = track.segments.length / 4
    if (count === 0) return
    if (track.dirty) {
      gl.bindBuffer(gl.ARRAY_BUFFER, res.trackBuffer)
      gl.bufferData(gl.ARRAY_BUFFER, corners(track.segments), gl.DYNAMIC_DRAW)
      track.dirty = false
    }
    const { program, at } = res.track
    gl.useProgram(program)
    gl.uniformMatrix4fv(at('u_local'), false, frame.local)
    gl.uniform2f(at('u_viewport'), frame.width, frame.height)
    gl.uniform1f(at('u_count'), count)
    gl.bindVertexArray(res.trackArray)
    for (const [width, rgb] of [
      [6, frame.palette.border],
      [3, frame.palette.selected],
    ] as const) {
      gl.uniform1f(at('u_width'), width)
      gl.uniform3fv(at('u_rgb'), rgb.map((c) => c / 255))
      gl.drawArrays(gl.TRIANGLES, 0, count * 6)
    }
    gl.bindVertexArray(null)
  }

  private upload(res: Resources, layer: Marks): void {
    const gl = this.gl
    let uploaded = res.layers.get(layer)
    if (uploaded === undefined || uploaded.bytes < layer.bytes.length) {
      if (uploaded !== undefined) {
        gl.deleteBuffer(uploaded.buffer)
        gl.deleteVertexArray(uploaded.array)
      }
      uploaded = allocate(gl, layer.bytes.length)
      res.layers.set(layer, uploaded)
      layer.dirty = true
    }
    if (!layer.dirty) return
    gl.bindBuffer(gl.ARRAY_BUFFER, uploaded.buffer)
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, layer.bytes, 0, layer.count * STRIDE)
    layer.dirty = false
  }

  destroy(): void {
    this.gl.getExtension('WEBGL_lose_context')?.loseContext()
    this.resources = null
    this.canvas.remove()
  }
}

/** Two triangles a segment: both ends, and which corner of the line this vertex is. */
function corners(segments: Float32Array): Float32Array {
  const out = new Float32Array((segments.length / 4) * 36)
  const order = [0, -1, 1, -1, 0, 1, 0, 1, 1, -1, 1, 1]
  let o = 0
  for (let i = 0; i < segments.length; i += 4) {
    for (let corner = 0; corner < 12; corner += 2) {
      out.set(segments.subarray(i, i + 4), o)
      out[o + 4] = order[corner] ?? 0
      out[o + 5] = order[corner + 1] ?? 0
      o += 6
    }
  }
  return out
}

function allocate(gl: WebGL2RenderingContext, bytes: number): Uploaded {
  const array = gl.createVertexArray()
  const buffer = gl.createBuffer()
  gl.bindVertexArray(array)
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer)
  gl.bufferData(gl.ARRAY_BUFFER, bytes, gl.DYNAMIC_DRAW)
  const floats: [location: number, size: number, offset: number][] = [
    [0, 2, 0],
    [1, 2, 8],
    [2, 2, 16],
    [3, 1, 24],
  ]
  for (const [location, size, offset] of floats) {
    gl.enableVertexAttribArray(location)
    gl.vertexAttribPointer(location, size, gl.FLOAT, false, STRIDE, offset)
  }
  gl.enableVertexAttribArray(4)
  gl.vertexAttribPointer(4, 4, gl.UNSIGNED_BYTE, true, STRIDE, 28)
  gl.enableVertexAttribArray(5)
  gl.vertexAttribIPointer(5, 4, gl.UNSIGNED_BYTE, STRIDE, 32)
  gl.bindVertexArray(null)
  return { buffer, array, bytes }
}

function compile(gl: WebGL2RenderingContext, vertex: string, fragment: string): Program {
  const program = gl.createProgram()
  for (const [type, source] of [
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ] as const) {
    const shader = gl.createShader(type)
    if (shader === null) throw new Error('no shader')
    gl.shaderSource(shader, source)
    gl.compileShader(shader)
    gl.attachShader(program, shader)
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
      throw new Error(gl.getShaderInfoLog(shader) ?? 'shader')
    }
  }
  gl.linkProgram(program)
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(gl.getProgramInfoLog(program) ?? 'program')
  }
  const known = new Map<string, WebGLUniformLocation | null>()
  return {
    program,
    at: (name) => {
      let location = known.get(name)
      if (location === undefined) {
        location = gl.getUniformLocation(program, name)
        known.set(name, location)
      }
      return location
    },
  }
}

function build(gl: WebGL2RenderingContext): Resources {
  const texture = gl.createTexture()
  gl.bindTexture(gl.TEXTURE_2D, texture)
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, drawSprites())
  // Below this level neighbouring sprites would run into each other.
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAX_LEVEL, 4)
  gl.generateMipmap(gl.TEXTURE_2D)
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR)
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR)
  const trackArray = gl.createVertexArray()
  const trackBuffer = gl.createBuffer()
  gl.bindVertexArray(trackArray)
  gl.bindBuffer(gl.ARRAY_BUFFER, trackBuffer)
  gl.enableVertexAttribArray(0)
  gl.vertexAttribPointer(0, 4, gl.FLOAT, false, 24, 0)
  gl.enableVertexAttribArray(1)
  gl.vertexAttribPointer(1, 2, gl.FLOAT, false, 24, 16)
  gl.bindVertexArray(null)
  return {
    plain: compile(gl, PLAIN_VERTEX, PLAIN_FRAGMENT),
    marks: compile(gl, MARK_VERTEX, MARK_FRAGMENT),
    track: compile(gl, TRACK_VERTEX, TRACK_FRAGMENT),
    trackArray,
    trackBuffer,
    layers: new Map(),
  }
}
