/** A step of the wheel is about 100. */
const WHEEL_ZOOM = 0.0018;
/** A pinch comes as a wheel with Ctrl and small steps. */
const PINCH_ZOOM = 0.012;
/** Pixels of a line, for browsers that count in these. */
const LINE = 33;

/** How much closer a turn of the wheel or a pinch takes. */
export function wheelZoom({ deltaY, deltaMode, ctrlKey }: WheelEvent): number {
  const pixels = deltaMode === WheelEvent.DOM_DELTA_LINE ? deltaY * LINE : deltaY;
  return Math.exp(-pixels * (ctrlKey ? PINCH_ZOOM : WHEEL_ZOOM));
}

/** Pixels that a turn of the wheel moves sideways: with Shift, or on a device with two directions. 0: it zooms. */
export function wheelPan({ deltaX, deltaY, shiftKey, ctrlKey }: WheelEvent): number {
  if (ctrlKey) return 0;
  if (shiftKey) return deltaX === 0 ? deltaY : deltaX;
  return Math.abs(deltaX) > Math.abs(deltaY) ? deltaX : 0;
}
