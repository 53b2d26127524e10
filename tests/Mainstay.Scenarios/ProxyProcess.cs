using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Mainstay.Scenarios;

/// <summary>HAProxy or nginx as Debian has them, in front of one server. Disposing ends the process.</summary>
internal sealed class ProxyProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly DirectoryInfo _folder;

    private ProxyProcess(string program, Func<string, string[]> arguments, string config)
    {
        _folder = Directory.CreateTempSubdirectory($"mainstay-{program}-");
        var file = Path.Combine(_folder.FullName, "proxy.conf");
        File.WriteAllText(file, config);
        var found = new[] { "/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin" }.Select(d => Path.Combine(d, program)).FirstOrDefault(File.Exists);
        Assert.True(found is not null, $"{program} is not installed: sudo apt-get install {program}");
        _process = Process.Start(new ProcessStartInfo(found!, arguments(file))
        {
            WorkingDirectory = _folder.FullName,
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
    }

    public required int Port { get; init; }

    public static Task<ProxyProcess> HaproxyAsync(int server)
    {
        var port = ScenarioFolder.FreePort();
        return StartedAsync(new ProxyProcess("haproxy", file => ["-f", file, "-db"], $"""
            defaults
                mode http
                timeout connect 2s
                timeout client 3s
                timeout server 3s
            listen proxy
                bind 127.0.0.1:{port}
                server one 127.0.0.1:{server}

            """)
        { Port = port });
    }

    public static Task<ProxyProcess> NginxAsync(int server)
    {
        var port = ScenarioFolder.FreePort();
        return StartedAsync(new ProxyProcess("nginx", file => ["-c", file, "-p", Path.GetDirectoryName(file)!, "-e", "stderr"], $$"""
            daemon off;
            master_process off;
            pid nginx.pid;
            error_log stderr crit;
            events { }
            http {
                access_log off;
                client_body_temp_path body;
                proxy_temp_path proxy;
                fastcgi_temp_path fastcgi;
                uwsgi_temp_path uwsgi;
                scgi_temp_path scgi;
                server {
                    listen 127.0.0.1:{{port}};
                    client_header_timeout 3s;
                    client_body_timeout 3s;
                    location / {
                        proxy_pass http://127.0.0.1:{{server}};
                        proxy_http_version 1.1;
                        proxy_set_header Host $http_host;
                        proxy_set_header Connection "";
                    }
                }
            }

            """)
        { Port = port });
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Delete(recursive: true);
    }

    private static async Task<ProxyProcess> StartedAsync(ProxyProcess proxy)
    {
        await Patience.UntilAsync("a proxy that listens", async () =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, proxy.Port);
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        });
        return proxy;
    }
}
