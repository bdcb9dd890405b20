import * as vscode from 'vscode';
import type { Network } from '../core/download/index.js';

/** As VS Code itself reaches the network. */
export function network(): Network {
  const http = vscode.workspace.getConfiguration('http');
  const text = (name: string): string => {
    const value = http.get<unknown>(name);
    return typeof value === 'string' ? value.trim() : '';
  };
  const isOff = text('proxySupport') === 'off';
  const authorization = text('proxyAuthorization');
  return { proxy: isOff ? '' : text('proxy'), ...(authorization === '' ? {} : { proxyAuthorization: authorization }) };
}
