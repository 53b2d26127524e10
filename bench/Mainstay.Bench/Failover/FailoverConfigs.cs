using System.Globalization;
using Mainstay.Bench.Peers;

namespace Mainstay.Bench.Failover;

/// <summary>
/// The three gateways with retries and health checks at their best, and with the same bounds: four attempts, 200 ms to
/// connect, <see cref="FirstByteMs"/> for an answer, a health check every 200 ms where the program has any, all servers used alike,
/// any request may be sent again.
/// </summary>
internal static class FailoverConfigs
{
    /// <summary>How long a server may take to begin its answer.</summary>
    public const int FirstByteMs = 500;

    /// <param name="peer">One of <see cref="Peer.All"/>.</param>
    /// <param name="port">Where it is to listen.</param>
    /// <param name="servers">Ports of the servers, with their regions.</param>
    public static string Of(string peer, int port, IReadOnlyList<(int Port, string Region)> servers) => peer switch
    {
        Peer.Mainstay => Mainstay(port, servers),
        Peer.Haproxy => Haproxy(port, servers),
        _ => Nginx(port, servers),
    };

    private static string Mainstay(int port, IReadOnlyList<(int Port, string Region)> servers) => Invariant($$"""
        version: 1
        traffic: { listen: "http://127.0.0.1:{{port}}" }
        control: { listen: "http://127.0.0.1:{{Peer.FreePort()}}" }
        services:
          - name: bench
            servers:
        {{Lines(servers, s => Invariant($"      - {{ url: \"http://127.0.0.1:{s.Port}\", region: {s.Region} }}"))}}
            regions: share
            health: { path: /health, every: 200ms, timeout: 200ms }
            timeouts: { connect: 200ms, first_byte: {{FirstByteMs}}ms }
            retry: { attempts: 4, replay: safe }

        """);

    private static string Haproxy(int port, IReadOnlyList<(int Port, string Region)> servers) => Invariant($"""
        global
            maxconn 8000
            nbthread 2
        defaults
            mode http
            maxconn 8000
            option http-no-delay
            option http-buffer-request
            option redispatch 1
            retries 3
            retry-on all-retryable-errors
            timeout connect 200ms
            timeout server {FirstByteMs}ms
            timeout client 30s
            timeout queue 5s
            timeout check 200ms
            timeout http-request 5s
            timeout http-keep-alive 60s
        frontend callers
            bind 127.0.0.1:{port}
            default_backend servers
        backend servers
            balance leastconn
            http-reuse always
            option httpchk GET /health
            default-server check inter 200ms fall 2 rise 2 observe layer7 error-limit 5 on-error mark-down
        {Lines(servers, s => Invariant($"    server s{s.Port} 127.0.0.1:{s.Port}"))}

        """);

    private static string Nginx(int port, IReadOnlyList<(int Port, string Region)> servers) => Invariant($$"""
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
        {{Lines(servers, s => Invariant($"        server 127.0.0.1:{s.Port} max_fails=5 fail_timeout=1s;"))}}
                keepalive 256;
            }
            server {
                listen 127.0.0.1:{{port}} backlog=4096;
                keepalive_timeout 60s;
                keepalive_requests 10000000;
                tcp_nodelay on;
                location / {
                    proxy_pass http://servers;
                    proxy_http_version 1.1;
                    proxy_set_header Connection "";
                    proxy_connect_timeout 200ms;
                    proxy_read_timeout {{FirstByteMs}}ms;
                    proxy_next_upstream error timeout invalid_header http_500 http_502 http_503 http_504 non_idempotent;
                    proxy_next_upstream_tries 4;
                }
            }
        }

        """);

    private static string Lines(IReadOnlyList<(int Port, string Region)> servers, Func<(int Port, string Region), string> line) =>
        string.Join('\n', servers.Select(line));

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
