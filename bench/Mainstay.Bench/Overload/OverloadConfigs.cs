using System.Globalization;
using Mainstay.Bench.Peers;

namespace Mainstay.Bench.Overload;

/// <summary>
/// The three gateways against overload. HAProxy and nginx are told what the servers carry at a time, and HAProxy to let
/// critical requests pass the others in its queue; Mainstay is told only which header names the priority, and learns the rest.
/// </summary>
internal static class OverloadConfigs
{
    /// <param name="peer">One of <see cref="Peer.All"/>.</param>
    /// <param name="port">Where it is to listen.</param>
    /// <param name="servers">Ports of the servers.</param>
    /// <param name="slots">Requests that a server works on at a time.</param>
    public static string Of(string peer, int port, IReadOnlyList<int> servers, int slots) => peer switch
    {
        Peer.Mainstay => Mainstay(port, servers),
        Peer.Haproxy => Haproxy(port, servers, slots),
        _ => Nginx(port, servers, slots),
    };

    private static string Mainstay(int port, IReadOnlyList<int> servers) => Invariant($$"""
        version: 1
        traffic: { listen: "http://127.0.0.1:{{port}}" }
        control: { listen: "http://127.0.0.1:{{Peer.FreePort()}}" }
        services:
          - name: bench
            servers:
        {{Lines(servers, s => Invariant($"      - {{ url: \"http://127.0.0.1:{s}\", region: a }}"))}}
            health: { path: /health }
            timeouts: { connect: 200ms, total: 5s }
            retry: { replay: safe }

        """);

    private static string Haproxy(int port, IReadOnlyList<int> servers, int slots) => Invariant($$"""
        global
            maxconn 8000
            nbthread 2
        defaults
            mode http
            maxconn 8000
            option http-no-delay
            option redispatch 1
            retries 3
            timeout connect 200ms
            timeout server 5s
            timeout client 30s
            timeout queue 500ms
            timeout http-keep-alive 60s
        frontend callers
            bind 127.0.0.1:{{port}}
            http-request set-priority-class int(-10) if { req.hdr(X-Priority) critical }
            default_backend servers
        backend servers
            balance leastconn
            http-reuse always
            option httpchk GET /health
            default-server check inter 2s maxconn {{slots}}
        {{Lines(servers, s => Invariant($"    server s{s} 127.0.0.1:{s}"))}}

        """);

    private static string Nginx(int port, IReadOnlyList<int> servers, int slots) => Invariant($$"""
        worker_processes 2;
        pid nginx.pid;
        error_log stderr crit;
        events { worker_connections 8192; }
        http {
            access_log off;
            client_body_temp_path body;
            proxy_temp_path proxy;
            fastcgi_temp_path fastcgi;
            uwsgi_temp_path uwsgi;
            scgi_temp_path scgi;
            upstream servers {
                zone servers 256k;
                least_conn;
        {{Lines(servers, s => Invariant($"        server 127.0.0.1:{s} max_conns={slots};"))}}
            }
            server {
                listen 127.0.0.1:{{port}} backlog=4096;
                keepalive_requests 10000000;
                location / {
                    proxy_pass http://servers;
                    proxy_http_version 1.1;
                    proxy_set_header Connection "";
                    proxy_connect_timeout 200ms;
                    proxy_read_timeout 5s;
                }
            }
        }

        """);

    private static string Lines(IReadOnlyList<int> servers, Func<int, string> line) => string.Join('\n', servers.Select(line));

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
