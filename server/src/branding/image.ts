/** The kinds of images that a logo can be. SVG is not one of them, because it can contain scripts. */
export const imageTypes = ['image/png', 'image/webp', 'image/jpeg'] as const;

export interface Image {
  readonly type: (typeof imageTypes)[number];
  readonly width: number;
  readonly height: number;
}

/** Whether the bytes at an offset are these ASCII characters. */
const isAt = (bytes: Buffer, offset: number, characters: string): boolean =>
  bytes.subarray(offset, offset + characters.length).equals(Buffer.from(characters, 'latin1'));

const pngSignature = '\x89PNG\r\n\x1A\n';

/** @see PNG, third edition, section 5: chunks of length, type, data and checksum, from IHDR to IEND */
function readPng(bytes: Buffer): Image | undefined {
  if (!isAt(bytes, 0, pngSignature) || bytes.length < 33 || bytes.readUInt32BE(8) !== 13) return undefined;
  if (!isAt(bytes, 12, 'IHDR')) return undefined;
  let offset = pngSignature.length;
  while (offset + 12 <= bytes.length) {
    const isEnd = isAt(bytes, offset + 4, 'IEND');
    // An animation distracts readers, and has more pixels than its header declares.
    if (isAt(bytes, offset + 4, 'acTL')) return undefined;
    offset += bytes.readUInt32BE(offset) + 12;
    // No bytes may follow the image, because they could hide another format.
    if (isEnd) {
      if (offset !== bytes.length) return undefined;
      return { type: 'image/png', width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
    }
  }
  return undefined;
}

/** Width and height of the first chunk of a WebP. @see RFC 9649, section 2 */
function webpSize(bytes: Buffer): { width: number; height: number } | undefined {
  if (isAt(bytes, 12, 'VP8 ') && isAt(bytes, 23, '\x9D\x01\x2A')) {
    return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
  }
  if (isAt(bytes, 12, 'VP8L') && bytes[20] === 0x2f) {
    const packed = bytes.readUInt32LE(21);
    return { width: (packed & 0x3fff) + 1, height: ((packed >>> 14) & 0x3fff) + 1 };
  }
  const isAnimated = ((bytes[20] ?? 0) & 0x02) !== 0;
  if (isAt(bytes, 12, 'VP8X') && !isAnimated) {
    return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
  }
  return undefined;
}

/** @see RFC 9649, section 2.3: the header has the length of the file */
function readWebp(bytes: Buffer): Image | undefined {
  if (bytes.length < 30 || !isAt(bytes, 0, 'RIFF') || !isAt(bytes, 8, 'WEBP')) return undefined;
  if (bytes.readUInt32LE(4) + 8 !== bytes.length) return undefined;
  const size = webpSize(bytes);
  return size && { type: 'image/webp', ...size };
}

/** Whether a marker begins the frame of a JPEG, which contains the size. @see ITU-T T.81, table B.1 */
const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** @see ITU-T T.81, annex B: segments from SOI to the frame, and EOI at the end */
function readJpeg(bytes: Buffer): Image | undefined {
  if (!isAt(bytes, 0, '\xFF\xD8\xFF') || !isAt(bytes, bytes.length - 2, '\xFF\xD9')) return undefined;
  let offset = 2;
  while (offset + 9 <= bytes.length && bytes[offset] === 0xff) {
    const marker = bytes[offset + 1] ?? 0;
    if (isFrame(marker)) {
      return { type: 'image/jpeg', width: bytes.readUInt16BE(offset + 7), height: bytes.readUInt16BE(offset + 5) };
    }
    // Pixels before the frame, or a marker without a length.
    if (marker === 0xda || marker < 0xc0) return undefined;
    offset += 2 + bytes.readUInt16BE(offset + 2);
  }
  return undefined;
}

/** Kind and size of an image according to its bytes; undefined for other kinds and damaged images. */
export const readImage = (bytes: Buffer): Image | undefined => readPng(bytes) ?? readWebp(bytes) ?? readJpeg(bytes);
