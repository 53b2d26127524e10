using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Mainstay.Bench.Proxy;

/// <summary>One of the proxies under test while it runs, in front of the plain and the streaming server.</summary>
internal sealed class Peer(string name, Children children, Process process, int port)
{
    /// <summary>Largest number of connections that HAProxy may have on each side: two of them fit under a limit of 20,000 files.</summary>
    private const int MostConnections = 9000;

    private List<int> _pids = [];

    public string Name => name;

    public string Url(string path) => $"http://127.0.0.1:{port}{path}";

    public int Port => port;

    public double CpuSeconds => Children.CpuSeconds(_pids);

    public double ResidentMb => Children.ResidentMb(_pids);

    public static Peer Haproxy(Children children, string folder, int plain, int tokens)
    {
        var port = Children.FreePort();
        var file = Path.Combine(folder, "haproxy.cfg");
        File.WriteAllText(file, $"""
            global
                nbthread 1
                maxconn {MostConnections}
            defaults
                mode http
                option http-keep-alive
                option http-no-delay
                option forwardfor
                http-reuse always
                timeout connect 1s
                timeout client 60s
                timeout server 60s
                timeout http-keep-alive 60s
            frontend front
                bind 127.0.0.1:{port} maxconn {MostConnections}
                use_backend tokens if {"{"} path_beg /tokens {"}"}
                default_backend plain
            backend plain
                server one 127.0.0.1:{plain}
            backend tokens
                server one 127.0.0.1:{tokens}

            """);
        return new Peer("haproxy", children, children.Start(Children.Find("haproxy")!, "-f", file), port);
    }

    public static Peer Nginx(Children children, string folder, int plain, int tokens)
    {
        var port = Children.FreePort();
        return new Peer("nginx", children, StartNginx(children, folder, "nginx", $$"""
            upstream plain { server 127.0.0.1:{{plain}}; keepalive 256; keepalive_requests 100000000; }
            upstream tokens { server 127.0.0.1:{{tokens}}; keepalive 256; }
            server {
                listen 127.0.0.1:{{port}} backlog=4096;
                keepalive_requests 100000000;
                proxy_http_version 1.1;
                proxy_set_header Connection "";
                proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                location / { proxy_pass http://plain; }
                location /tokens { proxy_pass http://tokens; proxy_buffering off; }
            }
            """), port);
    }

    /// <summary>The server behind all: answers a small JSON at once.</summary>
    public static Peer PlainServer(Children children, string folder)
    {
        var port = Children.FreePort();
        return new Peer("direct", children, StartNginx(children, folder, "plain", $$"""
            server {
                listen 127.0.0.1:{{port}} backlog=4096;
                keepalive_requests 100000000;
                default_type application/json;
                location / { return 200 '{"label":"positive","probability":0.973,"model":"moderation-7"}'; }
            }
            """), port);
    }

    public static Peer Mainstay(Children children, string folder, int plain, int tokens)
    {
        var port = Children.FreePort();
        var file = Path.Combine(folder, "mainstay.yaml");
        File.WriteAllText(file, $$"""
            version: 1
            traffic: { listen: "http://127.0.0.1:{{port}}" }
            control: { listen: "http://127.0.0.1:{{Children.FreePort()}}" }
            state: ./state
            services:
              - name: plain
                servers:
                  - { url: "http://127.0.0.1:{{plain}}", region: us-east-1 }
              - name: tokens
                match: { path: /tokens }
                servers:
                  - { url: "http://127.0.0.1:{{tokens}}", region: us-east-1 }

            """);
        return new Peer("mainstay", children, children.Start("dotnet", Path.Combine(AppContext.BaseDirectory, "mainstay.dll"), "serve", "--config", file), port);
    }

    /// <summary>Waits until it accepts connections.</summary>
    public async Task ReadyAsync(TimeProvider clock, CancellationToken cancel)
    {
        for (var i = 0; ; i++)
        {
            try
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(IPAddress.Loopback, port, cancel);
                break;
            }
            catch (SocketException) when (i < 200 && !process.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), clock, cancel);
            }
            catch (SocketException e)
            {
                throw new InvalidOperationException($"{name} did not start: {children.ComplaintOf(process)}", e);
            }
        }
        _pids = Children.Family(process.Id);
    }

    private static Process StartNginx(Children children, string folder, string name, string http)
    {
        var file = Path.Combine(folder, name + ".conf");
        File.WriteAllText(file, $$"""
            daemon off;
            worker_processes 1;
            pid {{folder}}/{{name}}.pid;
            error_log {{folder}}/{{name}}.log crit;
            events { worker_connections 19000; }
            http {
                access_log off;
                tcp_nodelay on;
                client_body_temp_path {{folder}}/{{name}}-body;
                proxy_temp_path {{folder}}/{{name}}-proxy;
                fastcgi_temp_path {{folder}}/{{name}}-fastcgi;
                uwsgi_temp_path {{folder}}/{{name}}-uwsgi;
                scgi_temp_path {{folder}}/{{name}}-scgi;
            {{http}}
            }

            """);
        return children.Start(Children.Find("nginx")!, "-p", folder, "-e", Path.Combine(folder, name + ".log"), "-c", file);
    }
}
