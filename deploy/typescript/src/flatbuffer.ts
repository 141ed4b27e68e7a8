// As much of FlatBuffers as the tables of notification.fbs need. Whatever the bytes are, nothing is read beyond them: a buffer
// that is none makes it throw.

/** The root table of a buffer. A field is named by its place in the schema. */
export class Table {
  private readonly view: DataView;
  private readonly at: number;
  private readonly fields: number;

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = this.view.getUint32(0, true);
    this.fields = this.at - this.view.getInt32(this.at, true);
  }

  /** A `uint32`; 0 where the table leaves it out. */
  uint32(field: number): number {
    const at = this.place(field);
    return at === undefined ? 0 : this.view.getUint32(at, true);
  }

  /** An `int64`; 0 where the table leaves it out. */
  int64(field: number): bigint {
    const at = this.place(field);
    return at === undefined ? 0n : this.view.getBigInt64(at, true);
  }

  /** A required `string`. */
  text(field: number): string {
    return this.textAt(this.follow(this.required(field)));
  }

  /** A required `[string]`. */
  texts(field: number): string[] {
    const vector = this.follow(this.required(field));
    const count = this.view.getUint32(vector, true);
    const texts: string[] = [];
    let length = 0;
    for (let n = 0; n < count; n += 1) {
      const text = this.textAt(this.follow(vector + 4 + 4 * n));
      texts.push(text);
      // Many places may lead to one long text: what comes out is no longer than what came in.
      length += text.length;
      if (length > this.view.byteLength) throw new RangeError("a buffer holds more than its length");
    }
    return texts;
  }

  private place(field: number): number | undefined {
    const entry = 4 + 2 * field;
    if (entry + 2 > this.view.getUint16(this.fields, true)) return undefined;
    const offset = this.view.getUint16(this.fields + entry, true);
    return offset === 0 ? undefined : this.at + offset;
  }

  private required(field: number): number {
    const at = this.place(field);
    if (at === undefined) throw new RangeError(`a buffer lacks its field ${field}`);
    return at;
  }

  private follow(at: number): number {
    return at + this.view.getUint32(at, true);
  }

  private textAt(at: number): string {
    const length = this.view.getUint32(at, true);
    if (at + 4 + length > this.view.byteLength) throw new RangeError("a text goes beyond its buffer");
    return UTF8.decode(new Uint8Array(this.view.buffer, this.view.byteOffset + at + 4, length));
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
