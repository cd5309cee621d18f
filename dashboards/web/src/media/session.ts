/**
 * A media session of this page: WHIP to send, WHEP to watch. One offer, one answer, no trickling: the relay is reachable
 * at one address, so nothing needs to be gathered.
 */
import { ApiError } from '@/api/client'

export type LinkState = 'opening' | 'connected' | 'broken' | 'closed'

export interface MediaLink {
  readonly pc: RTCPeerConnection
  /** Ends it here and at the relay. */
  close(): Promise<void>
}

/** How long a page that left may wait for the relay to hear of it. */
const GOODBYE_MS = 1500

async function exchange(url: string, offer: string): Promise<{ answer: string; session: string }> {
  let response: Response
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp', Accept: 'application/sdp, application/problem+json', 'X-Greenhub-Request': '1' },
      body: offer,
      credentials: 'same-origin',
    })
  } catch {
    throw new ApiError(0, '')
  }
  const text = await response.text()
  if (response.status !== 201) {
    let detail = response.statusText
    try {
      detail = (JSON.parse(text) as { detail?: string }).detail ?? detail
    } catch {
      // What is no problem document has no better words than the status.
    }
    throw new ApiError(response.status, detail)
  }
  return { answer: text, session: response.headers.get('Location') ?? '' }
}

/** H.264 only: what the relay takes, and what a recording holds. */
function onlyH264(transceiver: RTCRtpTransceiver, capabilities: RTCRtpCapabilities | null): void {
  const wanted = capabilities?.codecs.filter((codec) => codec.mimeType === 'video/H264' || codec.mimeType === 'video/rtx')
  if (wanted !== undefined && wanted.some((codec) => codec.mimeType === 'video/H264')) transceiver.setCodecPreferences(wanted)
}

async function open(url: string, pc: RTCPeerConnection, told: (state: LinkState) => void): Promise<MediaLink> {
  let over = false
  pc.addEventListener('connectionstatechange', () => {
    if (over) return
    if (pc.connectionState === 'connected') told('connected')
    else if (pc.connectionState === 'failed' || pc.connectionState === 'disconnected') told('broken')
    else if (pc.connectionState === 'closed') told('closed')
  })
  told('opening')
  try {
    await pc.setLocalDescription(await pc.createOffer())
    const { answer, session } = await exchange(url, pc.localDescription?.sdp ?? '')
    await pc.setRemoteDescription({ type: 'answer', sdp: answer })
    const close = async (): Promise<void> => {
      if (over) return
      over = true
      pc.close()
      told('closed')
      if (session === '') return
      const headers = { 'X-Greenhub-Request': '1' }
      const goodbye = fetch(session, { method: 'DELETE', headers, credentials: 'same-origin', keepalive: true })
      await Promise.race([goodbye.catch(() => undefined), new Promise((done) => setTimeout(done, GOODBYE_MS))])
    }
    return { pc, close }
  } catch (error) {
    over = true
    pc.close()
    throw error
  }
}

/** Watches a unit; its stream is given as soon as there is one. The microphone joins later by {@link talkWith}. */
export async function watchUnit(
  unit: string,
  reason: string,
  given: (stream: MediaStream) => void,
  told: (state: LinkState) => void,
): Promise<MediaLink> {
  const pc = new RTCPeerConnection()
  const video = pc.addTransceiver('video', { direction: 'recvonly' })
  onlyH264(video, RTCRtpReceiver.getCapabilities('video'))
  pc.addTransceiver('audio', { direction: 'sendrecv' })
  const stream = new MediaStream()
  pc.addEventListener('track', (event) => {
    stream.addTrack(event.track)
    given(stream)
  })
  const query = reason === '' ? '' : `?reason=${encodeURIComponent(reason)}`
  return open(`/api/v1/media/${encodeURIComponent(unit)}/whep${query}`, pc, told)
}

/** Gives the microphone to a watching session, or takes it away; nothing is sent while it is away. */
export async function talkWith(link: MediaLink, microphone: MediaStreamTrack | null): Promise<void> {
  const sender = link.pc.getTransceivers().find((transceiver) => transceiver.receiver.track.kind === 'audio')?.sender
  await sender?.replaceTrack(microphone)
}

/** Sends a unit's picture and sound; what the desk says comes back as a stream. */
export async function sendUnit(
  unit: string,
  source: MediaStream,
  heard: (stream: MediaStream) => void,
  told: (state: LinkState) => void,
): Promise<MediaLink> {
  const pc = new RTCPeerConnection()
  for (const track of source.getTracks()) {
    if (track.kind === 'audio') {
      pc.addTransceiver(track, { direction: 'sendrecv', streams: [source] })
      continue
    }
    const video = pc.addTransceiver(track, { direction: 'sendonly', streams: [source] })
    onlyH264(video, RTCRtpSender.getCapabilities('video'))
  }
  pc.addEventListener('track', (event) => heard(event.streams[0] ?? new MediaStream([event.track])))
  return open(`/api/v1/media/${encodeURIComponent(unit)}/whip`, pc, told)
}
