export const names = ['ann', 'bo', 'eve', 'jim', 'kim', 'max', 'sue', 'tom'] as const;
export const things = ['caps', 'cups', 'figs', 'hats', 'nuts', 'pens', 'pins', 'toys'] as const;
