using System.Buffers;
using System.Text;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>Writes server-sent events.</summary>
internal static class SseWriter
{
    /// <param name="output">Where to.</param>
    /// <param name="name">Name of the event; null: none. Without line ends.</param>
    /// <param name="data">Its data; each line of it becomes a data line.</param>
    public static void Write(IBufferWriter<byte> output, string? name, ReadOnlySpan<byte> data)
    {
        Begin(output, name);
        for (var end = data.IndexOf((byte)'\n'); end >= 0; end = data.IndexOf((byte)'\n'))
        {
            output.Write(data[..end]);
            output.Write("\ndata: "u8);
            data = data[(end + 1)..];
        }
        output.Write(data);
        End(output);
    }

    /// <summary>What stands before the data of an event, if that is one line.</summary>
    public static void Begin(IBufferWriter<byte> output, string? name = null)
    {
        if (name is not null)
        {
            output.Write("event: "u8);
            Encoding.UTF8.GetBytes(name, output);
            output.Write("\n"u8);
        }
        output.Write("data: "u8);
    }

    public static void End(IBufferWriter<byte> output) => output.Write("\n\n"u8);
}
