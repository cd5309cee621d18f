/** Outline of each priority in a 16 x 16 box: nobody has to tell red from orange. */
import type { Priority } from '@/api/types'

export const SHAPES: Record<Priority, string> = {
  P1: 'M8 .9 15.1 8 8 15.1.9 8Z',
  P2: 'M8 1.6 15.2 14.2H.8Z',
  P3: 'M2 2.4h12v11.2H2Z',
  P4: 'M8 2a6 6 0 1 1 0 12a6 6 0 1 1 0-12Z',
}
